package sandbox

import (
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/domains/trade"
)

// What the storefront cancels and gives back.

// cancelOrder has a whole order cancelled, in a while.
func (s *Server) cancelOrder(args map[string]any) any {
	refuse := func(code, message string) any {
		return object{"job": nil, "orderCancelUserErrors": []any{object{"field": []any{"orderId"}, "message": message, "code": code}}}
	}
	o := s.world.shop[fmt.Sprint(args["orderId"])]
	switch {
	case o == nil:
		return refuse("NOT_FOUND", "Order does not exist")
	case o.Cancelled != nil || o.Cancelling > 0:
		return refuse("INVALID", "Order has already been cancelled")
	case o.display() != "UNFULFILLED":
		return refuse("INVALID", "Cannot cancel an order that has been fulfilled")
	}
	o.Cancelling = 2
	s.touch(o)
	return object{"job": object{"id": fmt.Sprintf("gid://shopify/Job/%d", s.world.next()), "done": false}, "orderCancelUserErrors": []any{}}
}

// cancelled ends a cancellation: what was paid for what had not left is given back.
func (s *Server) cancelled(o *shopOrder) {
	for i := range o.Lines {
		l := &o.Lines[i]
		o.Refunded = trade.Sum(o.Refunded, l.worth(l.Remaining))
		l.take(l.Remaining)
	}
	s.calledOff(o)
}

// calledOff marks an order as cancelled, and tells.
func (s *Server) calledOff(o *shopOrder) {
	now := s.world.now()
	o.Cancelled = &now
	s.changed(o)
}

// changed keeps an order that was changed, and tells.
func (s *Server) changed(o *shopOrder) {
	s.touch(o)
	s.Engine.tellShop("orders/updated", o)
}

// take takes some of the line off its order.
func (l *shopLine) take(quantity int) {
	l.Remaining, l.Removed = l.Remaining-quantity, l.Removed+quantity
}

// worth is what so many of the line cost.
func (l *shopLine) worth(quantity int) trade.Decimal {
	return trade.Money{Amount: l.Price, Currency: "USD"}.Times(whole(quantity)).Amount
}

// removed are the quantities that a refund is for, by line; false when it is for more than has not left.
func (o *shopOrder) removed(lines any) (map[int]int, trade.Decimal, bool) {
	list, _ := lines.([]any)
	out, worth := map[int]int{}, trade.Decimal{}
	for _, raw := range list {
		in, _ := raw.(map[string]any)
		n := -1
		for i := range o.Lines {
			if o.line(i) == in["lineItemId"] {
				n = i
			}
		}
		q := 0
		_, _ = fmt.Sscan(fmt.Sprint(in["quantity"]), &q)
		if n < 0 || q <= 0 || out[n]+q > o.Lines[n].Remaining {
			return nil, worth, false
		}
		out[n] += q
		worth = trade.Sum(worth, o.Lines[n].worth(q))
	}
	return out, worth, true
}

// refundOrder takes quantities off an order that have not left, and gives back what they cost, once by key.
func (s *Server) refundOrder(args map[string]any) (any, *gqlerror.Error) {
	key, ok := args["@idempotent"].(string)
	if !ok {
		return nil, notIdempotent()
	}
	refuse := func(message string) any {
		return object{"order": nil, "refund": nil, "userErrors": []any{object{"field": []any{"input"}, "message": message}}}
	}
	in, _ := args["input"].(map[string]any)
	o := s.world.shop[fmt.Sprint(in["orderId"])]
	if o == nil {
		return refuse("Order does not exist"), nil
	}
	if !slices.Contains(o.RefundKeys, key) {
		off, worth, sold := o.removed(in["refundLineItems"])
		if !sold {
			return refuse("Refund line items quantity cannot refund more items than were purchased"), nil
		}
		paid, _ := in["transactions"].([]any)
		back := trade.Decimal{}
		for _, raw := range paid {
			t, _ := raw.(map[string]any)
			if d, err := trade.ParseDecimal(fmt.Sprint(t["amount"])); err == nil {
				back = trade.Sum(back, d)
			}
		}
		if back.Cmp(worth) > 0 {
			return refuse("Refund amount is greater than the amount available to refund"), nil
		}
		for n, q := range off {
			o.Lines[n].take(q)
		}
		o.Refunded = trade.Sum(o.Refunded, back)
		o.RefundKeys = append(o.RefundKeys, key)
		s.changed(o)
	}
	return object{"order": s.shopNode(o.gid()), "refund": object{"id": fmt.Sprintf("gid://shopify/Refund/%d", crc32.ChecksumIEEE([]byte(key))), "note": in["note"]}, "userErrors": []any{}}, nil
}

// suggest is what a refund would give back.
func (o *shopOrder) suggest(lines any) any {
	_, worth, _ := o.removed(lines)
	bag := func() object {
		money := object{"amount": worth.String(), "currencyCode": "USD"}
		return object{"presentmentMoney": money, "shopMoney": money}
	}
	sale := object{"id": fmt.Sprintf("gid://shopify/OrderTransaction/%d", o.Number)}
	return object{"amountSet": bag(), "suggestedTransactions": []any{object{"amountSet": bag(), "gateway": "bogus", "parentTransaction": sale}}}
}
