"""What every portal has: object types with the properties integrations meet, and their ties.

Head of a block: id|name|singular|scope|marks; ``needs``: sets of properties of which a new record
must have one each.  Marks of a property: ``ro`` (set by HubSpot), ``calc`` (computed), ``unique``,
``external`` (choices kept elsewhere); after a colon the choices.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ASSOCIATIONS", "OBJECT_TYPES", "STAGES"]

OBJECT_TYPES: Final = """
0-2|companies|COMPANY|crm.objects.companies|mergeable|needs=name/domain
name string
domain string
hs_additional_domains enumeration=checkbox ro external
website string
phone string=phonenumber
address string
address2 string
city string
state string
zip string
country string
industry enumeration: MACHINERY|ELECTRICAL_EQUIPMENT|RETAIL|WHOLESALE
description string=textarea
annualrevenue number
numberofemployees number
lifecyclestage enumeration=radio: lead|opportunity|customer|other
hs_lead_status enumeration=radio: NEW|OPEN|UNQUALIFIED
notes_last_updated datetime ro

0-1|contacts|CONTACT|crm.objects.contacts|mergeable|modified=lastmodifieddate|needs=email/firstname/lastname
email string unique
firstname string
lastname string
phone string=phonenumber
jobtitle string
message string=textarea
date_of_birth string
gender string
lifecyclestage enumeration=radio: lead|opportunity|customer|other
hs_lead_status enumeration=radio: NEW|OPEN|UNQUALIFIED
associatedcompanyid number ro

0-3|deals|DEAL|crm.objects.deals|mergeable|needs=dealname,dealstage
dealname string
amount number
closedate datetime
pipeline enumeration external
dealstage enumeration=radio external
dealtype enumeration=radio: newbusiness|existingbusiness
deal_currency_code enumeration: EUR|USD|GBP
description string=textarea
closed_lost_reason string=textarea
hs_deal_stage_probability number calc
hs_forecast_amount number ro

0-7|products|PRODUCT|crm.objects.products|needs=name
name string
hs_sku string
price number
description string=textarea
hs_cost_of_goods_sold number

0-8|line_items|LINE_ITEM|crm.objects.line_items
name string
hs_product_id number
hs_sku string
price number
quantity number
discount number
hs_discount_percentage number
amount number calc
hs_line_item_currency_code enumeration: EUR|USD|GBP
description string=textarea
hs_cost_of_goods_sold number

0-14|quotes|QUOTE|crm.objects.quotes|needs=hs_title,hs_expiration_date
hs_title string
hs_quote_number string
hs_expiration_date datetime
hs_status enumeration: DRAFT|APPROVAL_NOT_NEEDED|PENDING_APPROVAL|APPROVED|REJECTED
hs_currency enumeration: EUR|USD|GBP
hs_comments string=textarea

0-27|tasks|TASK|crm.objects.contacts|needs=hs_timestamp
hs_timestamp datetime
hs_task_subject string
hs_task_body string=html
hs_task_status enumeration: NOT_STARTED|IN_PROGRESS|WAITING|COMPLETED|DEFERRED
hs_task_priority enumeration: NONE|LOW|MEDIUM|HIGH
hs_task_type enumeration: TODO|CALL|EMAIL
"""

STAGES: Final = (
    ("appointmentscheduled", "Appointment scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified to buy", "0.4"),
    ("presentationscheduled", "Presentation scheduled", "0.6"),
    ("contractsent", "Contract sent", "0.9"),
    ("closedwon", "Closed won", "1.0"),
    ("closedlost", "Closed lost", "0.0"),
)
"""Stages of the first pipeline: id, label, probability."""

ASSOCIATIONS: Final = {
    ("contacts", "companies"): ((1, "Primary"), (279, None)),
    ("companies", "contacts"): ((2, "Primary"), (280, None)),
    ("deals", "companies"): ((5, "Primary"), (341, None)),
    ("companies", "deals"): ((6, "Primary"), (342, None)),
    ("deals", "contacts"): ((3, None),),
    ("contacts", "deals"): ((4, None),),
    ("deals", "line_items"): ((19, None),),
    ("line_items", "deals"): ((20, None),),
    ("deals", "quotes"): ((63, None),),
    ("quotes", "deals"): ((64, None),),
    ("quotes", "line_items"): ((67, None),),
    ("line_items", "quotes"): ((68, None),),
    ("companies", "tasks"): ((191, None),),
    ("tasks", "companies"): ((192, None),),
    ("contacts", "tasks"): ((203, None),),
    ("tasks", "contacts"): ((204, None),),
    ("deals", "tasks"): ((215, None),),
    ("tasks", "deals"): ((216, None),),
}
"""From type, to type -> the types of association HubSpot itself defines: number and label."""
