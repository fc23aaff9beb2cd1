"""The standard objects of a Sales Cloud org, as far as the twin has them.

Names, types and which may be empty come from the published schema sample of jsforce (MIT); lengths,
choices, defaults and read-only marks are general knowledge and not verified against an org.

A block is an object: ``name|key prefix|label/plural|marks``, then a line a field: name, type with
(length) or (precision,scale), marks, and after ``: `` the choices.  Marks: ``*`` needs a value,
``ro`` read-only, ``calc`` computed, ``auto`` numbered by itself, ``fixed`` not to be changed later,
``=x`` default, ``->Object/Relationship/Children`` lookup, ``in:X`` part of compound field X.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CPQ_OBJECTS", "MULTI_CURRENCY_OBJECTS", "OBJECTS", "QUOTE_OBJECTS", "STAGES", "TOOLING"]


def _address(kind: str) -> str:
    return "\n".join(
        f"{kind}{part} {form} in:{kind}Address"
        for part, form in (
            ("Street", "textarea(255)"), ("City", "string(40)"), ("State", "string(80)"),
            ("PostalCode", "string(20)"), ("Country", "string(80)"),
            ("Latitude", "double(18,15)"), ("Longitude", "double(18,15)"),
        )
    ) + f"\n{kind}Address address ro"  # fmt: skip


OBJECTS: Final = f"""
Account|001|Account/Accounts|mergeable|cascade Contact.AccountId|cascade Opportunity.AccountId
Name string(255) *
MasterRecordId reference ro ->Account/MasterRecord
Type picklist: Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Other
ParentId reference ->Account/Parent/ChildAccounts
{_address("Billing")}
{_address("Shipping")}
Phone phone(40)
Fax phone(40)
Website url(255)
Industry picklist: Electronics|Engineering|Manufacturing|Retail|Transportation|Other
AnnualRevenue currency(18,0)
NumberOfEmployees int
Description textarea(32000)
OwnerId reference =me ->User/Owner
AccountSource picklist: Web|Phone Inquiry|Partner Referral|Other

Contact|003|Contact/Contacts|mergeable
MasterRecordId reference ro ->Contact/MasterRecord
AccountId reference ->Account/Account/Contacts
LastName string(80) * in:Name
FirstName string(40) in:Name
Salutation picklist(40) in:Name: Mr.|Ms.|Mx.|Dr.|Prof.
Name string(121) ro
{_address("Mailing")}
Phone phone(40)
MobilePhone phone(40)
Email email(80)
Title string(128)
Department string(80)
Description textarea(32000)
OwnerId reference =me ->User/Owner
HasOptedOutOfEmail boolean

Opportunity|006|Opportunity/Opportunities|cascade OpportunityLineItem.OpportunityId|cascade Quote.OpportunityId
AccountId reference ->Account/Account/Opportunities
Name string(120) *
Description textarea(32000)
StageName picklist(255) *: Prospecting|Qualification|Proposal/Price Quote|Negotiation/Review|Closed Won|Closed Lost
Amount currency(18,2)
Probability percent(3,0)
CloseDate date *
Type picklist: Existing Business|New Business
NextStep string(255)
LeadSource picklist: Web|Phone Inquiry|Partner Referral|Other
IsClosed boolean ro
IsWon boolean ro
ForecastCategory picklist(40) ro
ForecastCategoryName picklist(255)
HasOpportunityLineItem boolean ro
Pricebook2Id reference ->Pricebook2/Pricebook2
OwnerId reference =me ->User/Owner

OpportunityLineItem|00k|Opportunity Product/Opportunity Products
OpportunityId reference * fixed ->Opportunity/Opportunity/OpportunityLineItems
SortOrder int ro
PricebookEntryId reference fixed ->PricebookEntry/PricebookEntry/OpportunityLineItems
Product2Id reference fixed ->Product2/Product2
ProductCode string(255) ro
Name string(376) ro
Quantity double(12,2) *
TotalPrice currency(18,2)
UnitPrice currency(18,2)
ListPrice currency(18,2) ro
ServiceDate date
Description string(255)

OpportunityStage|01J|Opportunity Stage/Opportunity Stages|fixed
MasterLabel string(255)
ApiName string(255) *
IsActive boolean
SortOrder int
IsClosed boolean
IsWon boolean
ForecastCategory picklist(40)
ForecastCategoryName picklist(255)
DefaultProbability percent(3,0)
Description string(255)

Product2|01t|Product/Products
Name string(255) *
ProductCode string(255)
Description textarea(4000)
IsActive boolean
Family picklist: Pumps|Filters|Valves|Sensors|Services
ExternalId string(255)
DisplayUrl url(1000)
QuantityUnitOfMeasure picklist: Each
IsArchived boolean ro
StockKeepingUnit string(180)

Pricebook2|01s|Price Book/Price Books
Name string(255) *
IsActive boolean
IsArchived boolean ro
Description string(255)
IsStandard boolean ro

PricebookEntry|01u|Price Book Entry/Price Book Entries
Name string(255) ro
Pricebook2Id reference * fixed ->Pricebook2/Pricebook2/PricebookEntries
Product2Id reference * fixed ->Product2/Product2/PricebookEntries
UnitPrice currency(16,2) *
IsActive boolean
UseStandardPrice boolean
ProductCode string(255) ro

Quote|0Q0|Quote/Quotes|cascade QuoteLineItem.QuoteId
Name string(255) *
QuoteNumber string(30) auto
OpportunityId reference * fixed ->Opportunity/Opportunity/Quotes
AccountId reference ro ->Account/Account/Quotes
ContactId reference ->Contact/Contact/Quotes
Pricebook2Id reference ->Pricebook2/Pricebook2
Status picklist: Draft|Needs Review|In Review|Approved|Rejected|Presented|Accepted|Denied
ExpirationDate date
IsSyncing boolean ro
Subtotal currency(18,2) ro
Discount percent(18,2) ro
TotalPrice currency(18,2) ro
Tax currency(18,2)
ShippingHandling currency(18,2)
GrandTotal currency(18,2) ro
LineItemCount int ro
Description textarea(32000)
OwnerId reference =me ->User/Owner

QuoteLineItem|0QL|Quote Line Item/Quote Line Items
QuoteId reference * fixed ->Quote/Quote/QuoteLineItems
LineNumber string(30) auto
PricebookEntryId reference * fixed ->PricebookEntry/PricebookEntry
Product2Id reference ro ->Product2/Product2
OpportunityLineItemId reference ->OpportunityLineItem/OpportunityLineItem
Quantity double(18,2) *
UnitPrice currency(18,2) *
Discount percent(18,2)
ListPrice currency(18,2) ro
Subtotal currency(18,2) ro
TotalPrice currency(18,2) ro
Description string(255)
ServiceDate date
SortOrder int

Order|801|Order/Orders|cascade OrderItem.OrderId
OwnerId reference =me ->User/Owner
AccountId reference ->Account/Account/Orders
Pricebook2Id reference ->Pricebook2/Pricebook2
EffectiveDate date *
EndDate date
IsReductionOrder boolean
Status picklist * restricted: Draft|Activated
StatusCode picklist ro: Draft|Activated
Description textarea(32000)
Type picklist
{_address("Billing")}
{_address("Shipping")}
ActivatedDate datetime ro
OrderNumber string(30) auto
TotalAmount currency(18,2) ro

OrderItem|802|Order Product/Order Products
OrderId reference * fixed ->Order/Order/OrderItems
Product2Id reference fixed ->Product2/Product2
PricebookEntryId reference * fixed ->PricebookEntry/PricebookEntry
AvailableQuantity double(18,2) ro
Quantity double(18,2) *
UnitPrice currency(18,2)
ListPrice currency(18,2) ro
TotalPrice currency(18,2) ro
ServiceDate date
EndDate date
Description string(255)
OrderItemNumber string(30) auto

Task|00T|Task/Tasks
WhoId reference ->Contact/Who
WhatId reference ->Account,Opportunity,Quote,Order,Product2/What/Tasks
Subject string(255)
ActivityDate date
Status picklist =Not_Started: Not Started|In Progress|Completed|Waiting on someone else|Deferred
Priority picklist =Normal: High|Normal|Low
IsHighPriority boolean ro
OwnerId reference =me ->User/Owner
Description textarea(32000)
AccountId reference ro ->Account/Account
IsClosed boolean ro
IsArchived boolean ro
ReminderDateTime datetime
IsReminderSet boolean

User|005|User/Users|fixed
Username string(80) * unique
LastName string(80) * in:Name
FirstName string(40) in:Name
Name string(121) ro
CompanyName string(80)
Email email(128) *
Alias string(8) *
IsActive boolean
TimeZoneSidKey picklist(40) *
LocaleSidKey picklist(40) *
LanguageLocaleKey picklist(40) *
EmailEncodingKey picklist(40) *
ProfileId string(18)
UserType picklist(40)

Organization|00D|Organization/Organizations|fixed
Name string(80) *
Country string(80)
InstanceName string(5)
IsSandbox boolean
OrganizationType picklist(40)
TimeZoneSidKey picklist(40)
LanguageLocaleKey picklist(40)

PermissionSet|0PS|Permission Set/Permission Sets
Name string(80) * unique
Label string(80) *
Description string(255)
IsOwnedByProfile boolean ro

PermissionSetAssignment|0Pa|Permission Set Assignment/Permission Set Assignments
PermissionSetId reference * fixed ->PermissionSet/PermissionSet/Assignments
AssigneeId reference * fixed ->User/Assignee/PermissionSetAssignments

FieldPermissions|01k|Field Permissions/Field Permissions
ParentId reference * fixed ->PermissionSet/Parent/FieldPerms
SobjectType picklist(255) * fixed
Field picklist(255) * fixed
PermissionsRead boolean
PermissionsEdit boolean
"""

TOOLING: Final = """
CustomField|00N|Custom Field/Custom Fields
DeveloperName string(80) *
TableEnumOrId string(80) *
NamespacePrefix string(15)
FullName string(255)
"""

QUOTE_OBJECTS: Final = ("Quote", "QuoteLineItem")
"""There only where the org has the Quotes feature switched on."""

CPQ_OBJECTS: Final = """
SBQQ__Quote__c|a0q|Quote/Quotes|cascade SBQQ__QuoteLine__c.SBQQ__Quote__c
Name string(80) auto
SBQQ__Opportunity2__c reference ->Opportunity/SBQQ__Opportunity2__r/SBQQ__Quotes2__r
SBQQ__Account__c reference ->Account/SBQQ__Account__r/SBQQ__Quotes__r
SBQQ__PrimaryContact__c reference ->Contact/SBQQ__PrimaryContact__r
SBQQ__Primary__c boolean
SBQQ__Status__c picklist: Draft|In Review|Approved|Rejected|Presented|Accepted|Denied
SBQQ__Type__c picklist: Quote|Amendment|Renewal
SBQQ__NetTotal__c currency(18,2) calc
SBQQ__ListTotal__c currency(18,2) calc
SBQQ__CustomerDiscount__c percent(5,2)
SBQQ__StartDate__c date
SBQQ__EndDate__c date
SBQQ__SubscriptionTerm__c double(5,0)
SBQQ__BillingFrequency__c picklist: Monthly|Quarterly|Annual|Invoice Plan
SBQQ__PricebookId__c string(18)

SBQQ__QuoteLine__c|a0r|Quote Line/Quote Lines
Name string(80) auto
SBQQ__Quote__c reference * fixed ->SBQQ__Quote__c/SBQQ__Quote__r/SBQQ__LineItems__r
SBQQ__Product__c reference ->Product2/SBQQ__Product__r
SBQQ__ProductName__c string(255) calc
SBQQ__Quantity__c double(12,2)
SBQQ__ListPrice__c currency(12,2)
SBQQ__CustomerPrice__c currency(12,2) calc
SBQQ__NetPrice__c currency(12,2) calc
SBQQ__Discount__c percent(8,2)
SBQQ__SortOrder__c double(18,0)
"""
"""The CPQ package, where it is installed; field names as several public code bases agree on."""

MULTI_CURRENCY_OBJECTS: Final = (
    "Account", "Contact", "Opportunity", "OpportunityLineItem", "Product2", "PricebookEntry",
    "Quote", "QuoteLineItem", "Order", "OrderItem", "Task", "User", "SBQQ__Quote__c",
    "SBQQ__QuoteLine__c",
)  # fmt: skip
"""Objects that have ``CurrencyIsoCode`` where several currencies are switched on."""

STAGES: Final = (
    # label, probability, closed, won, forecast category
    ("Prospecting", 10, False, False, "Pipeline"),
    ("Qualification", 10, False, False, "Pipeline"),
    ("Proposal/Price Quote", 75, False, False, "Pipeline"),
    ("Negotiation/Review", 90, False, False, "Pipeline"),
    ("Closed Won", 100, True, True, "Closed"),
    ("Closed Lost", 0, True, False, "Omitted"),
)
