package shipments

// IsEntity marks Shipment as an entity of the federated graph; it is the only trace of GraphQL here.
func (*Shipment) IsEntity() {}
