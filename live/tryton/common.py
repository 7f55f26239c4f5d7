"""What seeding a database of Tryton begins with, whatever it is for.

Everything goes through proteus, Tryton's own client library, so that every on_change of the product runs as it
would for a person.
"""
import datetime
import json
import sys
from decimal import Decimal
from pathlib import Path

from proteus import Model, Wizard, config

database, trytond_conf, password = sys.argv[1:4]
world = json.loads((Path(__file__).parent.parent / 'world.json').read_text())
cfg = config.set_trytond(database, config_file=trytond_conf)
today = datetime.date.today()


def only(model, *domain):
    record, = Model.get(model).find(list(domain), limit=1)
    return record


# Currency, country, company.
usd = Model.get('currency.currency')(name='US Dollar', code='USD', symbol='$', numeric_code='840', rounding=Decimal('0.01'), digits=2)
usd.rates.new(date=today + datetime.timedelta(days=-3650), rate=Decimal('1'))
usd.save()
usa = Model.get('country.country')(name='United States', code='US', code3='USA', code_numeric='840')
usa.save()
regions = {}
for code, name in {'OH': 'Ohio', 'PA': 'Pennsylvania'}.items():
    regions[code] = Model.get('country.subdivision')(name=name, code='US-' + code, type='state', country=usa)
    regions[code].save()

owner = Model.get('party.party')(name=world['company']['name'])
owner.save()
wizard = Wizard('company.company.config')
wizard.execute('company')
wizard.form.party = owner
wizard.form.currency = usd
wizard.execute('add')
company = only('company.company')
User = Model.get('res.user')
cfg._context = User.get_preferences(True, {})

# The administrator may do everything, as the person who sets a system up.
admin = only('res.user', ('login', '=', 'admin'))
admin.groups.extend(Model.get('res.group').find([('id', 'not in', [g.id for g in admin.groups])]))
admin.save()
cfg._context = User.get_preferences(True, {})


def warehouse(code, name):
    """Names the warehouse that the product comes with."""
    record = only('stock.location', ('type', '=', 'warehouse'))
    record.name, record.code = name, code
    record.save()
    return record


def opening_stock(location, quantities):
    """Puts quantities, by product, to a location. Lots are made of the third of each."""
    inventory = Model.get('stock.inventory')(location=location, empty_quantity='keep')
    for product, quantity, *lot in quantities:
        line = inventory.lines.new(product=product, quantity=float(quantity))
        if lot:
            line.lot, = lot
    inventory.click('confirm')


def gateway(*groups):
    """Makes the gateway's own user, with no more rights than it needs."""
    user = User(name='Crossdock', login='crossdock', password=password, company=company)
    user.companies.append(Model.get('company.company')(company.id))
    for group in Model.get('res.group').find([('name', 'in', list(groups))]):
        user.groups.append(group)
    user.save()
