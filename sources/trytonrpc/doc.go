// Package trytonrpc is how Tryton is spoken to, whichever of its modules are behind: sessions, calls, searches,
// transitions with their questions, and the types of its wire. The adapters of the ERP and of the warehouse are
// built on it.
package trytonrpc
