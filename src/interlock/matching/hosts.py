"""Web hosts that many companies share: an address there says nothing about whose it is."""

from __future__ import annotations

__all__ = ["SHARED_HOSTS"]

_MAIL = (
    "gmail.com googlemail.com outlook.com outlook.de outlook.fr hotmail.com hotmail.co.uk "
    "hotmail.fr hotmail.de hotmail.it hotmail.es live.com live.co.uk live.nl live.fr msn.com "
    "yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.com.br yahoo.co.jp "
    "yahoo.co.in ymail.com rocketmail.com aol.com icloud.com me.com mac.com gmx.de gmx.net gmx.at "
    "gmx.ch gmx.com web.de t-online.de freenet.de arcor.de proton.me protonmail.com pm.me "
    "mail.com email.com mail.ru bk.ru list.ru inbox.ru yandex.ru yandex.com zoho.com "
    "fastmail.com tutanota.com hey.com orange.fr wanadoo.fr free.fr laposte.net sfr.fr "
    "bbox.fr neuf.fr libero.it alice.it tiscali.it virgilio.it tin.it telefonica.net terra.es "
    "terra.com.br uol.com.br bol.com.br ig.com.br globo.com bluewin.ch telenet.be skynet.be "
    "ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl btinternet.com sky.com virginmedia.com "
    "talktalk.net ntlworld.com comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net "
    "charter.net earthlink.net optonline.net shaw.ca rogers.com sympatico.ca telus.net "
    "bigpond.com optusnet.com.au xtra.co.nz qq.com 163.com 126.com sina.com naver.com daum.net "
    "hanmail.net docomo.ne.jp ezweb.ne.jp softbank.ne.jp rediffmail.com wp.pl o2.pl onet.pl "
    "interia.pl seznam.cz centrum.cz centrum.sk azet.sk freemail.hu citromail.hu abv.bg ukr.net "
    "i.ua telia.com spray.se online.no jubii.dk luukku.com kolumbus.fi"
)
_PLATFORMS = (
    "facebook.com fb.com fb.me m.me instagram.com twitter.com x.com linkedin.com youtube.com "
    "youtu.be tiktok.com pinterest.com whatsapp.com wa.me t.me vk.com line.me linktr.ee "
    "google.com google.de google.fr google.co.uk google.it google.es google.ca google.com.br "
    "google.com.au google.co.in google.com.mx goo.gl g.page g.co page.link bit.ly tinyurl.com "
    "business.site live.com bing.com yelp.com tripadvisor.com foursquare.com booking.com "
    "airbnb.com expedia.com hotels.com agoda.com hotel.com trivago.com hotelscombined.com "
    "zomato.com opentable.com ubereats.com doordash.com grubhub.com deliveroo.co.uk just-eat.co.uk "
    "ifood.com.br swiggy.com thefork.com resy.com toasttab.com menulog.com.au lieferando.de "
    "yellowpages.com yell.com gelbeseiten.de pagesjaunes.fr paginegialle.it paginasamarillas.es "
    "herold.at local.ch dasoertliche.de cylex.de justdial.com indiamart.com tabelog.com "
    "gnavi.co.jp hotpepper.jp jimdo.com ameblo.jp blogspot.com wordpress.com tumblr.com medium.com "
    "weebly.com wix.com wixsite.com squarespace.com godaddysites.com webnode.com strikingly.com "
    "webs.com yolasite.com github.io github.com gitlab.io netlify.app vercel.app herokuapp.com "
    "web.app firebaseapp.com azurewebsites.net shopify.com myshopify.com etsy.com ebay.com "
    "ebay.co.uk ebay.de amazon.com amazon.de amazon.co.uk aliexpress.com alibaba.com "
    "mercadolibre.com "
    "mercadolivre.com.br tokopedia.com shopee.co.id bukalapak.com olx.com olx.com.br "
    "craigslist.org "
    "gumtree.com zillow.com realtor.com apartments.com forrent.com rightmove.co.uk "
    "immobilienscout24.de healthgrades.com zocdoc.com doctolib.fr doctolib.de doctoralia.com.br "
    "jameda.de vitals.com webmd.com eventbrite.com meetup.com wikipedia.org archive.org "
    "thumbtack.com angi.com houzz.com bbb.org manta.com dnb.com crunchbase.com mindbodyonline.com "
    "vagaro.com booksy.com fresha.com treatwell.de setmore.com square.site squareup.com "
    "kvk.nl europages.com example.com example.org localhost"
)

SHARED_HOSTS = frozenset(f"{_MAIL} {_PLATFORMS}".split())
"""Free e-mail, social, search, directory, booking, market and site-building hosts.

A name in front of a public suffix of its own (``shop.myshopify.com``) is the shop's own.
"""
