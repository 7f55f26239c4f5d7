// Package tryton is Tryton 6.0 as a warehouse system: stock by warehouse, work that is picked, packed into
// packages and shipped, and goods that come back, through its JSON-RPC. It needs none of the modules of sales.
//
// Quirks:
//   - The product refuses no second shipment of the same reference. Work is made as a draft, which nobody in
//     the warehouse works on; then everybody looks at all shipments of the reference, takes away the drafts of
//     ours but one, and only the last is handed to the warehouse. What is taken away has not changed since it
//     was read, or it stays.
//   - A transition that does not apply is ignored and answers null: the state is read back, always.
//   - Several shipments of a reference are one piece of work that people have split: they are reported
//     together. Whoever splits puts work back to draft, so only drafts that this user made and nobody has
//     touched since are taken away, or are no work yet. One that the product makes after we have given up waiting
//     for it, and another was handed on, stays until somebody cancels it, and its goods are allocated.
//   - Quantities without a location in the context are zero, with no error; with several they are their sum.
//     Open moves are read before what lies there, so that goods that leave in between are missed twice and not
//     promised twice.
//   - A shipment has one reference, which is ours: tracking numbers are those of its packages.
//   - Moves have no line numbers. What was sent is told by item.
package tryton
