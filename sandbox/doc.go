// Package sandbox is a simulated trading world behind real sockets: the systems of one
// distributor, each speaking the dialect that its vendor documents.
//
//	/bc        Microsoft Dynamics 365 Business Central, API v2.0 (ERP)
//	/wms       a bespoke warehouse system with a small REST API
//	/shipbob   ShipBob, REST 2026-01 (3PL), and /shipbob-south, another account there
//	/shopify   Shopify Admin GraphQL, 2026-04 (storefront)
//	/house     a bespoke ERP and shop, another door to the books of /bc and the orders of /shopify
//	/admin     ours: knobs, calls, and things that people do in those systems
//
// It serves only what the vendors publish; the page is cited beside each route. Its state is a
// log of records in a folder: a killed sandbox starts again where it was. Work moves by itself,
// one step each tick of the clock.
package sandbox
