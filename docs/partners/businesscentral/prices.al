// Customer prices by Business Central's own price calculation (version 16 and later), for many lines
// of one customer at once. Publish the codeunit as the web service "CrossdockPrices": it is then
// POST /ODataV4/CrossdockPrices_Quote?company=<id>, an unbound action. Nothing is stored: the sales
// header and lines are temporary and never inserted. Untested against a tenant.

codeunit 50110 "Crossdock Prices"
{
    Access = Public;

    // requestJson: {"customerNumber", "currencyCode", "priceDate", "campaignNumber", "lines": [{"lineNo",
    // "itemNumber", "unitOfMeasureCode", "quantity"}]}. An empty currency, date or unit is the customer's, today
    // and the item's sales unit, an empty campaign none. The reply repeats the customer and answers each line;
    // "found" is false for an item or a unit that does not exist. "validUntil" is the first day on which a list
    // line ends that the price comes from, "discountPercent" what is off within it and "discountCampaign"
    // whether a campaign says so, whose number is then "discountCode". "priceCampaign" is the campaign that the price itself
    // is of. A campaign that is named counts for customers in its target group only.
    procedure Quote(requestJson: Text): Text
    var
        Customer: Record Customer;
        TempSalesHeader: Record "Sales Header" temporary;
        GeneralLedgerSetup: Record "General Ledger Setup";
        CampaignTargetGroup: Record "Campaign Target Group";
        Request: JsonObject;
        Reply: JsonObject;
        Asked: JsonToken;
        Lines: JsonArray;
        Token: JsonToken;
        ReplyText: Text;
    begin
        Request.ReadFrom(requestJson);
        Customer.Get(TextOf(Request, 'customerNumber'));
        TempSalesHeader."Document Type" := TempSalesHeader."Document Type"::Quote;
        TempSalesHeader."Sell-to Customer No." := Customer."No.";
        TempSalesHeader."Bill-to Customer No." := Customer."No.";
        if Customer."Bill-to Customer No." <> '' then
            TempSalesHeader."Bill-to Customer No." := Customer."Bill-to Customer No.";
        TempSalesHeader."Customer Price Group" := Customer."Customer Price Group";
        TempSalesHeader."Customer Disc. Group" := Customer."Customer Disc. Group";
        TempSalesHeader."Prices Including VAT" := false;
        if CampaignTargetGroup.Get(CampaignTargetGroup.Type::Customer, Customer."No.", CopyStr(TextOf(Request, 'campaignNumber'), 1, 20)) then
            TempSalesHeader."Campaign No." := CampaignTargetGroup."Campaign No.";
        TempSalesHeader."Currency Code" := Customer."Currency Code";
        GeneralLedgerSetup.Get();
        if TextOf(Request, 'currencyCode') <> '' then
            TempSalesHeader."Currency Code" := CopyStr(TextOf(Request, 'currencyCode'), 1, 10);
        if TempSalesHeader."Currency Code" = GeneralLedgerSetup."LCY Code" then
            TempSalesHeader."Currency Code" := '';
        TempSalesHeader."Order Date" := WorkDate();
        if TextOf(Request, 'priceDate') <> '' then
            Evaluate(TempSalesHeader."Order Date", TextOf(Request, 'priceDate'), 9);
        TempSalesHeader."Document Date" := TempSalesHeader."Order Date";
        TempSalesHeader."Posting Date" := TempSalesHeader."Order Date";
        SetFactor(TempSalesHeader);

        Request.Get('lines', Asked);
        foreach Token in Asked.AsArray() do
            Lines.Add(Answer(TempSalesHeader, Customer, Token.AsObject()));
        Reply.Add('customerNumber', Customer."No.");
        if TempSalesHeader."Currency Code" = '' then
            Reply.Add('currencyCode', GeneralLedgerSetup."LCY Code")
        else
            Reply.Add('currencyCode', TempSalesHeader."Currency Code");
        Reply.Add('lines', Lines);
        Reply.WriteTo(ReplyText);
        exit(ReplyText);
    end;

    local procedure Answer(var TempSalesHeader: Record "Sales Header" temporary; Customer: Record Customer; Asked: JsonObject) Line: JsonObject
    var
        Item: Record Item;
        ItemUnit: Record "Item Unit of Measure";
        UnitCode: Code[10];
        Quantity: Decimal;
        PriceLine: Record "Price List Line";
        DiscountLine: Record "Price List Line";
        Ignored: Record "Price List Line";
        Price: Decimal;
        Discount: Decimal;
        From: Decimal;
    begin
        Line.Add('lineNo', NumberOf(Asked, 'lineNo'));
        Line.Add('itemNumber', TextOf(Asked, 'itemNumber'));
        Quantity := NumberOf(Asked, 'quantity');
        if not Item.Get(CopyStr(TextOf(Asked, 'itemNumber'), 1, 20)) then begin
            Line.Add('found', false);
            exit;
        end;
        UnitCode := CopyStr(TextOf(Asked, 'unitOfMeasureCode'), 1, 10);
        if UnitCode = '' then
            UnitCode := Item."Sales Unit of Measure";
        if UnitCode = '' then
            UnitCode := Item."Base Unit of Measure";
        if not ItemUnit.Get(Item."No.", UnitCode) then begin
            Line.Add('found', false);
            exit;
        end;
        Price := PriceOf(TempSalesHeader, Customer, Item, ItemUnit, Quantity, PriceLine, DiscountLine, Discount);
        From := NextBreak(TempSalesHeader, Customer, Item, ItemUnit, Quantity, Price);
        Line.Add('found', true);
        Line.Add('unitOfMeasureCode', UnitCode);
        Line.Add('quantity', Quantity);
        Line.Add('unitPrice', Price);
        Line.Add('listPrice', ListPrice(TempSalesHeader, Item, ItemUnit));
        Line.Add('priceListCode', PriceLine."Price List Code");
        Line.Add('validUntil', FirstOf(PriceLine."Ending Date", DiscountLine."Ending Date"));
        Line.Add('discountPercent', Discount);
        if DiscountLine."Source Type" = DiscountLine."Source Type"::Campaign then
            Line.Add('discountCode', DiscountLine."Source No.")
        else
            Line.Add('discountCode', DiscountLine."Price List Code");
        Line.Add('discountCampaign', DiscountLine."Source Type" = DiscountLine."Source Type"::Campaign);
        if PriceLine."Source Type" = PriceLine."Source Type"::Campaign then
            Line.Add('priceCampaign', PriceLine."Source No.")
        else
            Line.Add('priceCampaign', '');
        Line.Add('breakQuantity', From);
        if From > 0 then
            Line.Add('breakPrice', PriceOf(TempSalesHeader, Customer, Item, ItemUnit, From, Ignored, Ignored, Discount))
        else
            Line.Add('breakPrice', Price);
    end;

    // PriceOf is the price of one unit after the line discount, with the list lines that both are from.
    local procedure PriceOf(var TempSalesHeader: Record "Sales Header" temporary; Customer: Record Customer; Item: Record Item; ItemUnit: Record "Item Unit of Measure"; Quantity: Decimal; var PriceLine: Record "Price List Line"; var DiscountLine: Record "Price List Line"; var Discount: Decimal): Decimal
    var
        TempSalesLine: Record "Sales Line" temporary;
        SalesLinePrice: Codeunit "Sales Line - Price";
        PriceCalculationMgt: Codeunit "Price Calculation Mgt.";
        PriceCalculation: Interface "Price Calculation";
        Calculated: Variant;
    begin
        TempSalesLine."Document Type" := TempSalesHeader."Document Type";
        TempSalesLine.Type := TempSalesLine.Type::Item;
        TempSalesLine."No." := Item."No.";
        TempSalesLine."Sell-to Customer No." := TempSalesHeader."Sell-to Customer No.";
        TempSalesLine."Bill-to Customer No." := TempSalesHeader."Bill-to Customer No.";
        TempSalesLine."Customer Price Group" := TempSalesHeader."Customer Price Group";
        TempSalesLine."Customer Disc. Group" := TempSalesHeader."Customer Disc. Group";
        TempSalesLine."Currency Code" := TempSalesHeader."Currency Code";
        TempSalesLine."Unit of Measure Code" := ItemUnit.Code;
        TempSalesLine."Qty. per Unit of Measure" := ItemUnit."Qty. per Unit of Measure";
        TempSalesLine.Quantity := Quantity;
        TempSalesLine."Allow Line Disc." := Customer."Allow Line Disc.";
        TempSalesLine."Posting Date" := TempSalesHeader."Posting Date";

        SalesLinePrice.SetLine("Price Type"::Sale, TempSalesHeader, TempSalesLine);
        PriceCalculationMgt.GetHandler(SalesLinePrice, PriceCalculation);
        PriceCalculation.ApplyDiscount();
        PriceCalculation.ApplyPrice(TempSalesLine.FieldNo(Quantity));
        PriceCalculation.GetLine(Calculated);
        TempSalesLine := Calculated;
        Discount := TempSalesLine."Line Discount %";
        Find(PriceLine, TempSalesHeader, Customer, Item, ItemUnit);
        PriceLine.SetRange("Unit Price", TempSalesLine."Unit Price");
        if not PriceLine.FindFirst() then
            Clear(PriceLine);
        Find(DiscountLine, TempSalesHeader, Customer, Item, ItemUnit);
        DiscountLine.SetRange("Line Discount %", Discount);
        if (Discount = 0) or not DiscountLine.FindFirst() then
            Clear(DiscountLine);
        exit(TempSalesLine."Unit Price" * (1 - Discount / 100));
    end;

    // NextBreak is the smallest larger quantity of any price list that makes a unit cheaper.
    local procedure NextBreak(var TempSalesHeader: Record "Sales Header" temporary; Customer: Record Customer; Item: Record Item; ItemUnit: Record "Item Unit of Measure"; Quantity: Decimal; Price: Decimal): Decimal
    var
        PriceListLine: Record "Price List Line";
        Ignored: Record "Price List Line";
        Last: Decimal;
        Discount: Decimal;
    begin
        Active(PriceListLine, TempSalesHeader, Item);
        PriceListLine.SetFilter("Minimum Quantity", '>%1', Quantity);
        PriceListLine.SetCurrentKey("Minimum Quantity");
        if PriceListLine.FindSet() then
            repeat
                if PriceListLine."Minimum Quantity" <> Last then begin
                    Last := PriceListLine."Minimum Quantity";
                    if PriceOf(TempSalesHeader, Customer, Item, ItemUnit, Last, Ignored, Ignored, Discount) < Price then
                        exit(Last);
                end;
            until PriceListLine.Next() = 0;
    end;

    // Find narrows the list lines to those that are this customer's, the campaign's or everybody's.
    local procedure Find(var PriceListLine: Record "Price List Line"; var TempSalesHeader: Record "Sales Header" temporary; Customer: Record Customer; Item: Record Item; ItemUnit: Record "Item Unit of Measure")
    begin
        Clear(PriceListLine);
        Active(PriceListLine, TempSalesHeader, Item);
        PriceListLine.SetFilter("Source No.", '%1|%2|%3|%4|%5', '', Customer."No.", Customer."Customer Price Group", Customer."Customer Disc. Group", TempSalesHeader."Campaign No.");
        PriceListLine.SetFilter("Unit of Measure Code", '%1|%2', '', ItemUnit.Code);
        PriceListLine.SetRange("Currency Code", TempSalesHeader."Currency Code");
    end;

    // FirstOf is the earlier of two days as 2027-01-31; a day that is not set is never.
    local procedure FirstOf(A: Date; B: Date): Text
    begin
        if (A = 0D) or ((B <> 0D) and (B < A)) then
            A := B;
        if A <> 0D then
            exit(Format(A, 0, 9));
    end;

    local procedure Active(var PriceListLine: Record "Price List Line"; var TempSalesHeader: Record "Sales Header" temporary; Item: Record Item)
    begin
        PriceListLine.SetRange("Price Type", "Price Type"::Sale);
        PriceListLine.SetRange(Status, "Price Status"::Active);
        PriceListLine.SetRange("Asset Type", "Price Asset Type"::Item);
        PriceListLine.SetRange("Asset No.", Item."No.");
        PriceListLine.SetFilter("Starting Date", '%1|..%2', 0D, TempSalesHeader."Order Date");
        PriceListLine.SetFilter("Ending Date", '%1|%2..', 0D, TempSalesHeader."Order Date");
    end;

    local procedure ListPrice(var TempSalesHeader: Record "Sales Header" temporary; Item: Record Item; ItemUnit: Record "Item Unit of Measure"): Decimal
    var
        ExchangeRate: Record "Currency Exchange Rate";
        Price: Decimal;
    begin
        Price := Item."Unit Price" * ItemUnit."Qty. per Unit of Measure";
        if TempSalesHeader."Currency Code" = '' then
            exit(Price);
        exit(ExchangeRate.ExchangeAmtLCYToFCY(TempSalesHeader."Order Date", TempSalesHeader."Currency Code", Price, TempSalesHeader."Currency Factor"));
    end;

    local procedure SetFactor(var TempSalesHeader: Record "Sales Header" temporary)
    var
        ExchangeRate: Record "Currency Exchange Rate";
    begin
        if TempSalesHeader."Currency Code" <> '' then
            TempSalesHeader."Currency Factor" := ExchangeRate.ExchangeRate(TempSalesHeader."Order Date", TempSalesHeader."Currency Code");
    end;

    local procedure TextOf(From: JsonObject; Name: Text): Text
    var
        Token: JsonToken;
    begin
        if From.Get(Name, Token) then
            if not Token.AsValue().IsNull() then
                exit(Token.AsValue().AsText());
    end;

    local procedure NumberOf(From: JsonObject; Name: Text): Decimal
    var
        Token: JsonToken;
    begin
        if From.Get(Name, Token) then
            exit(Token.AsValue().AsDecimal());
    end;
}
