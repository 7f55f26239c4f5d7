// Package businesscentral reads and writes Microsoft Dynamics 365 Business Central through its
// API v2.0 (OData v4).
//
// Limits of the product that this adapter keeps: five requests of a user at a time, a hundred
// operations in a $batch, "or" in a filter only on one field and no "in", URLs of about 2,000
// characters.
//
// Quirks:
//   - Enum values can arrive encoded: the pages show " ", a tenant sends "_x0020_".
//   - A sales order disappears when it is wholly shipped and invoiced; only its posted documents
//     remain, and they keep its external document number.
//   - The external document number is not unique. Register never looks; its caller does.
//   - Posting is one step, shipAndInvoice; there is no shipping without an invoice.
//   - A stale If-Match is 409 Request_EntityChanged and not 412.
//   - Application_DialogException is any refusal of business logic, with localised text.
//
// What API v2.0 lacks is served by a small extension whose source and set-up are in
// docs/partners/businesscentral: customer prices by the ERP's own calculation, credit with open
// orders, ship-to addresses, sales quantity rules.
package businesscentral
