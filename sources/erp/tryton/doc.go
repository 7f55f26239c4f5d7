// Package tryton is Tryton 6.0 as an ERP: accounts with credit, items, customer prices, orders, shipments
// with their invoices, and returns with their credit notes, through its JSON-RPC.
//
// Limits of the product: it is one Python process, so calls compete for one core: 5 to 15 ms for a record,
// a millisecond for each price. A login costs half a second and is done once for a session, which lasts for
// weeks.
//
// Quirks:
//   - What fails answers 200 with an "error" list. Reads of a list of ids fail whole when one is unknown, so
//     everything is searched by key, and what comes back is matched to the keys asked for.
//   - A wrong password counts, and the sixth locks the login out with 429: after a refused login nobody tries
//     again for a while, and longer each time.
//   - create runs no on_change: taxes are asked of the server line by line, or the order has none.
//   - A transition that does not apply is ignored and answers null: the state is read back, always.
//   - What a person must confirm (credit limit, stock) stops the order as a UserWarning. It is never
//     confirmed here unless somebody has let the order go in spite of it. The user must be in the groups that
//     may confirm, or the same stop is an error that names nothing.
//   - web_shop and web_id are the only unique key of an order: ours is the order's number, and that of a
//     return for its credit. A return is an order of negative quantities.
//   - Shipping 8 of 12 makes a second shipment of 4 by itself, and a draft invoice of what went.
//   - write_date is null until the first change, and both dates are those of the transaction's start.
//   - Stock is that of the ERP's own books; the warehouse's own system tells what is there. What has left the
//     warehouse is posted though the books would not have it.
package tryton
