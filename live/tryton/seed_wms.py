"""Seeds the warehouse's database: items, some of them in lots, and what lies there.

Run by Debian's python3 with the database's name, trytond's configuration and the gateway's password.
"""
from common import Model, company, gateway, only, opening_stock, warehouse, world

unit = only('product.uom', ('symbol', '=', 'u'))
Template = Model.get('product.template')
Lot = Model.get('stock.lot')
place = warehouse(world['warehouse']['code'], world['warehouse']['name'])
quarantine = Model.get('stock.location')(name='Quarantine', code='QUARANTINE', type='storage', parent=Model.get('stock.location')(place.id))
quarantine.save()

lying = []
for item in world['items']:
    t = Template(name=item['name'], type='goods', default_uom=unit)
    product, = t.products
    product.suffix_code = item['sku']
    t.save()
    product = t.products[0]
    lots = item.get('lots', {})
    for number, quantity in lots.items():
        lot = Lot(number=number, product=product)
        lot.save()
        lying.append((product, quantity, lot))
    lying.append((product, item['stock'] - sum(lots.values())))
opening_stock(place.storage_location, lying)

# Parcels go in boxes, by a carrier.
Model.get('stock.package.type')(name='Box').save()
service = Template(name='Parcel', type='service', default_uom=unit)
service.save()
Party = Model.get('party.party')
haulier = Party(name='Midwest Parcel')
haulier.save()
Model.get('carrier')(party=haulier, carrier_product=service.products[0]).save()

gateway('Stock', 'Party Administration')
