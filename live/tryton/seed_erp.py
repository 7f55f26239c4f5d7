"""Seeds the ERP's database: a distributor with accounts, credit, price lists, taxes, items and stock.

Run by Debian's python3 with the database's name, trytond's configuration and the gateway's password.
"""
import datetime
from decimal import Decimal

from common import Model, Wizard, company, gateway, only, opening_stock, regions, today, usa, usd, warehouse, world


def by_xml(model, module, xml_id):
    data = only('ir.model.data', ('module', '=', module), ('fs_id', '=', xml_id))
    return Model.get(model)(data.db_id)


def sequence(name, label, strict=False):
    kind = only('ir.sequence.type', ('name', '=', name))
    record = Model.get('ir.sequence.strict' if strict else 'ir.sequence')(name=label, sequence_type=kind, company=company)
    record.save()
    return record


# Accounting.
FiscalYear = Model.get('account.fiscalyear')
for year in (today.year - 1, today.year, today.year + 1):
    fiscal = FiscalYear(name=str(year), company=company)
    fiscal.start_date, fiscal.end_date = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
    fiscal.post_move_sequence = sequence('Account Move', str(year))
    numbers = sequence('Invoice', 'Invoices %s' % year, strict=True)
    numbers.prefix = 'INV%s-' % year
    numbers.padding = 5
    numbers.save()
    credits = sequence('Invoice', 'Credit notes %s' % year, strict=True)
    credits.prefix = 'CN%s-' % year
    credits.padding = 5
    credits.save()
    lines, = fiscal.invoice_sequences
    lines.out_invoice_sequence = lines.in_invoice_sequence = numbers
    lines.out_credit_note_sequence = lines.in_credit_note_sequence = credits
    fiscal.save()
    fiscal.click('create_period')

template = by_xml('account.account.template', 'account', 'account_template_root_en')
wizard = Wizard('account.create_chart')
wizard.execute('account')
wizard.form.account_template = template
wizard.form.company = company
wizard.execute('create_account')
Account = Model.get('account.account')
accounts = {kind: only('account.account', ('type.%s' % kind, '=', True), ('company', '=', company.id)) for kind in ('receivable', 'payable', 'revenue', 'expense')}
wizard.form.account_receivable = accounts['receivable']
wizard.form.account_payable = accounts['payable']
wizard.execute('create_properties')
tax_account = only('account.account', ('name', '=', 'Main Tax'), ('company', '=', company.id))
tax = Model.get('account.tax')(name='Sales tax', description='Sales tax', type='percentage', rate=Decimal(world['taxRate']), invoice_account=tax_account, credit_note_account=tax_account)
tax.save()
category = Model.get('product.category')(name='Goods', accounting=True, account_expense=accounts['expense'], account_revenue=accounts['revenue'])
category.customer_taxes.append(Model.get('account.tax')(tax.id))
category.save()
term = Model.get('account.invoice.payment_term')(name='30 days')
line = term.lines.new(type='remainder')
line.relativedeltas.new(days=30)
term.save()

# Items.
unit = only('product.uom', ('symbol', '=', 'u'))
Template = Model.get('product.template')
products = {}
for item in world['items']:
    t = Template(name=item['name'], type='goods', default_uom=unit, salable=True, list_price=Decimal(item['price']), account_category=category)
    t.salable = not item.get('notSold', False)
    product, = t.products
    product.suffix_code = item['sku']
    product.cost_price = Decimal(item['cost'])
    t.save()
    products[item['sku']] = t.products[0]

# Price lists.
PriceList = Model.get('product.price_list')
lists = {}
for spec in world['priceLists']:
    price_list = PriceList(name=spec['name'], company=company)
    for rule in spec['lines']:
        price_list.lines.new(quantity=float(rule['quantity']), formula=rule['formula'])
    price_list.save()
    lists[spec['name']] = price_list

# Accounts.
for spec in world['accounts']:
    p = Model.get('party.party')(name=spec['name'], code=spec['code'])
    while len(p.addresses):
        p.addresses.pop()
    for place in spec['addresses']:
        p.addresses.new(party_name=spec['name'], name=place['name'], street=place['street'], city=place['city'], postal_code=place['postalCode'], country=usa, subdivision=regions[place['region']])
    p.contact_mechanisms.new(type='email', value=spec['email'])
    p.customer_payment_term = term
    p.sale_price_list = lists[spec['priceList']]
    if spec['creditLimit'] is not None:
        p.credit_limit_amount = Decimal(spec['creditLimit'])
    p.save()
    if spec.get('inactive'):
        p.active = False
        p.save()

# The warehouse, and what lies there in the ERP's books.
place = warehouse(world['warehouse']['code'], world['warehouse']['name'])
opening_stock(place.storage_location, [(products[item['sku']], item['stock']) for item in world['items']])

# What a gateway's orders are known by: the shop gives web_id its uniqueness.
shop = Model.get('web.shop')(name='Crossdock', company=company, currency=usd)
shop.warehouses.append(Model.get('stock.location')(place.id))
shop.save()

gateway('Sales', 'Stock', 'Account', 'Stock Force Assignment', 'Sale Amendment', 'Sale Stock Quantity', 'Account Credit Limit', 'Product Administration')
