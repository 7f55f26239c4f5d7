// The four API pages that Crossdock needs beside API v2.0; prices are in prices.al. Untested against
// a tenant. Adjust the object ids to your range.

page 50100 "Crossdock Ship-to Addresses"
{
    PageType = API;
    APIPublisher = 'crossdock';
    APIGroup = 'gateway';
    APIVersion = 'v1.0';
    EntityName = 'shipToAddress';
    EntitySetName = 'shipToAddresses';
    SourceTable = "Ship-to Address";
    ODataKeyFields = SystemId;
    Editable = false;
    DelayedInsert = true;

    layout
    {
        area(Content)
        {
            repeater(Rows)
            {
                field(customerNumber; Rec."Customer No.") { }
                field(code; Rec.Code) { }
                field(name; Rec.Name) { }
                field(addressLine1; Rec.Address) { }
                field(addressLine2; Rec."Address 2") { }
                field(city; Rec.City) { }
                field(state; Rec.County) { }
                field(postalCode; Rec."Post Code") { }
                field(country; Rec."Country/Region Code") { }
            }
        }
    }
}

page 50101 "Crossdock Customer Credits"
{
    PageType = API;
    APIPublisher = 'crossdock';
    APIGroup = 'gateway';
    APIVersion = 'v1.0';
    EntityName = 'customerCredit';
    EntitySetName = 'customerCredits';
    SourceTable = Customer;
    ODataKeyFields = SystemId;
    Editable = false;
    DelayedInsert = true;

    layout
    {
        area(Content)
        {
            repeater(Rows)
            {
                field(customerNumber; Rec."No.") { }
                field(currencyCode; CurrencyCode) { }
                field(creditLimit; Rec."Credit Limit (LCY)") { }
                field(balance; Rec."Balance (LCY)") { }
                field(overdueAmount; Overdue) { }
                field(outstandingOrders; Outstanding) { }
            }
        }
    }

    var
        CurrencyCode: Code[10];
        Overdue: Decimal;
        Outstanding: Decimal;

    trigger OnAfterGetRecord()
    var
        Setup: Record "General Ledger Setup";
    begin
        Setup.Get();
        CurrencyCode := Rec."Currency Code";
        if CurrencyCode = '' then
            CurrencyCode := Setup."LCY Code";
        Rec.CalcFields("Balance (LCY)", "Outstanding Orders (LCY)", "Shipped Not Invoiced (LCY)");
        Overdue := Rec.CalcOverdueBalance();
        Outstanding := Rec."Outstanding Orders (LCY)" + Rec."Shipped Not Invoiced (LCY)";
    end;
}

tableextension 50102 "Crossdock Item" extends Item
{
    fields
    {
        field(50100; "Sales Minimum Quantity"; Decimal) { Caption = 'Sales Minimum Quantity'; MinValue = 0; }
        field(50101; "Sales Order Multiple"; Decimal) { Caption = 'Sales Order Multiple'; MinValue = 0; }
        field(50102; "Sales Quantity Decimals"; Integer) { Caption = 'Sales Quantity Decimals'; MinValue = 0; MaxValue = 5; }
    }
}

page 50103 "Crossdock Item Sales Rules"
{
    PageType = API;
    APIPublisher = 'crossdock';
    APIGroup = 'gateway';
    APIVersion = 'v1.0';
    EntityName = 'itemSalesRule';
    EntitySetName = 'itemSalesRules';
    SourceTable = Item;
    ODataKeyFields = SystemId;
    Editable = false;
    DelayedInsert = true;

    layout
    {
        area(Content)
        {
            repeater(Rows)
            {
                field(itemNumber; Rec."No.") { }
                field(minimumQuantity; Rec."Sales Minimum Quantity") { }
                field(orderMultiple; Rec."Sales Order Multiple") { }
                field(quantityDecimals; Rec."Sales Quantity Decimals") { }
                field(baseUnit; Rec."Base Unit of Measure") { }
                part(itemUnits; "Crossdock Item Units")
                {
                    EntityName = 'itemUnit';
                    EntitySetName = 'itemUnits';
                    SubPageLink = "Item No." = field("No.");
                }
            }
        }
    }
}

page 50104 "Crossdock Item Units"
{
    PageType = API;
    APIPublisher = 'crossdock';
    APIGroup = 'gateway';
    APIVersion = 'v1.0';
    EntityName = 'itemUnit';
    EntitySetName = 'itemUnits';
    SourceTable = "Item Unit of Measure";
    ODataKeyFields = SystemId;
    Editable = false;
    DelayedInsert = true;

    layout
    {
        area(Content)
        {
            repeater(Rows)
            {
                field(itemNumber; Rec."Item No.") { }
                field(code; Rec.Code) { }
                field(quantityPerUnit; Rec."Qty. per Unit of Measure") { }
            }
        }
    }
}
