'use strict';
// Fills an empty database with the web store of the distributor, through the Admin API, as a person would. The last
// line it prints, or the file named by VENDURE_SECRETS, holds the gateway's API key and the stock location's id.
process.env.VENDURE_CREATE_TABLES = 'true';

const fs = require('node:fs');
const { bootstrap } = require('@vendure/core');
const { config } = require('./config.js');
const world = require('../world.json');

const url = `http://127.0.0.1:${config.apiOptions.port}/admin-api`;
let token = '';

// ask sends a document and returns its data. A typed error result counts as a failure too.
async function ask(query, variables = {}) {
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
    const res = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const reply = await res.json();
    const refused = Object.values(reply.data ?? {}).find(result => result?.errorCode);
    if (reply.errors || refused) throw new Error(`${query}: ${JSON.stringify(reply.errors ?? refused)}`);
    token = res.headers.get('vendure-auth-token') ?? token;
    return reply.data;
}

// create runs a mutation of one input and returns the id of what it made.
async function create(mutation, type, input) {
    const data = await ask(`mutation($input: ${type}!) { ${mutation}(input: $input) { id } }`, { input });
    return data[mutation].id;
}

const named = name => [{ languageCode: 'en', name, description: '' }];
const argument = (name, value) => ({ name, value: String(value) });

async function seed() {
    const { superadminCredentials: admin } = config.authOptions;
    await ask('mutation($u: String!, $p: String!) { login(username: $u, password: $p) { ... on ErrorResult { errorCode message } } }', {
        u: admin.identifier,
        p: admin.password,
    });

    // Where it sells, and the tax there. Prices are without tax.
    const { company, taxRate } = world;
    const country = await create('createCountry', 'CreateCountryInput', {
        code: company.country,
        enabled: true,
        translations: [{ languageCode: 'en', name: 'United States' }],
    });
    const zone = await create('createZone', 'CreateZoneInput', { name: 'United States', memberIds: [country] });
    const category = await create('createTaxCategory', 'CreateTaxCategoryInput', { name: 'Goods', isDefault: true });
    const percent = Number((Number(taxRate) * 100).toFixed(4));
    await create('createTaxRate', 'CreateTaxRateInput', { name: 'Sales tax', enabled: true, value: percent, categoryId: category, zoneId: zone });
    const { activeChannel } = await ask('{ activeChannel { id } }');
    await ask(
        'mutation($input: UpdateChannelInput!) { updateChannel(input: $input) { ... on ErrorResult { errorCode message } } }',
        {
            input: {
                id: activeChannel.id,
                defaultCurrencyCode: company.currency,
                availableCurrencyCodes: [company.currency],
                pricesIncludeTax: false,
                trackInventory: true,
                defaultTaxZoneId: zone,
                defaultShippingZoneId: zone,
            },
        },
    );

    // How it ships and how it is paid.
    await create('createShippingMethod', 'CreateShippingMethodInput', {
        code: 'standard',
        fulfillmentHandler: 'manual-fulfillment',
        checker: { code: 'default-shipping-eligibility-checker', arguments: [argument('orderMinimum', 0)] },
        calculator: {
            code: 'default-shipping-calculator',
            arguments: [argument('rate', 0), argument('includesTax', 'exclude'), argument('taxRate', 0)],
        },
        translations: named('Standard shipping'),
    });
    await create('createPaymentMethod', 'CreatePaymentMethodInput', {
        code: 'card',
        enabled: true,
        handler: { code: 'dummy-payment-handler', arguments: [argument('automaticSettle', true)] },
        translations: named('Card'),
    });

    // What it sells. A few of each lie there until Crossdock publishes what really does.
    const { stockLocations } = await ask('{ stockLocations { items { id } } }');
    const stockLocation = stockLocations.items[0].id;
    for (const item of world.items) {
        const enabled = !item.notSold;
        const product = await create('createProduct', 'CreateProductInput', {
            enabled,
            translations: [{ ...named(item.name)[0], slug: item.sku.toLowerCase() }],
        });
        await ask('mutation($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { id } }', {
            input: [
                {
                    productId: product,
                    enabled,
                    sku: item.sku,
                    price: Math.round(Number(item.price) * 100), // the shop has no part of a cent
                    taxCategoryId: category,
                    stockLevels: [{ stockLocationId: stockLocation, stockOnHand: 10 }],
                    translations: [{ languageCode: 'en', name: item.name }],
                },
            ],
        });
    }

    // Who buys there.
    const { createCustomer: buyer } = await ask(
        `mutation($input: CreateCustomerInput!) {
            createCustomer(input: $input, password: "buyer-live") { ... on Customer { id } ... on ErrorResult { errorCode message } }
        }`,
        { input: { firstName: 'Dana', lastName: 'Reyes', emailAddress: 'buyer@meridian.example', phoneNumber: '+1 614 555 0143' } },
    );
    const address = {
        fullName: 'Dana Reyes',
        streetLine1: '212 Elm St',
        city: 'Columbus',
        province: 'OH',
        postalCode: '43085',
        countryCode: company.country,
        defaultShippingAddress: true,
        defaultBillingAddress: true,
    };
    await ask('mutation($id: ID!, $input: CreateAddressInput!) { createCustomerAddress(customerId: $id, input: $input) { id } }', {
        id: buyer.id,
        input: address,
    });

    // The gateway's own key, with no more rights than it needs: to follow orders, fulfil them and publish stock.
    const role = await create('createRole', 'CreateRoleInput', {
        code: 'crossdock',
        description: 'Crossdock',
        permissions: ['ReadOrder', 'UpdateOrder', 'ReadProduct', 'UpdateProduct'],
    });
    const { createApiKey } = await ask('mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey } }', {
        input: { roleIds: [role], translations: [{ languageCode: 'en', name: 'Crossdock' }] },
    });
    return JSON.stringify({ apiKey: createApiKey.apiKey, stockLocation }) + '\n';
}

async function main() {
    const app = await bootstrap(config);
    const secrets = await seed();
    await app.close();
    if (process.env.VENDURE_SECRETS) fs.writeFileSync(process.env.VENDURE_SECRETS, secrets, { mode: 0o600 });
    else process.stdout.write(secrets);
}

main().then(
    () => process.exit(0),
    err => {
        console.error(err);
        process.exit(1);
    },
);
