package catalog

// IsEntity marks Item as an entity of the federated graph; it is the only trace of GraphQL here.
func (Item) IsEntity() {}
