'use strict';
// The shop's configuration. The packages are found by NODE_PATH, which names the node_modules of the data folder.
process.env.VENDURE_DISABLE_TELEMETRY = 'true';

const { DefaultLogger, LogLevel, dummyPaymentHandler } = require('@vendure/core');
const { CrossdockPlugin } = require('../../docs/partners/vendure/crossdock-plugin.js');

const env = process.env;
const webhook = { url: env.CROSSDOCK_WEBHOOK_URL, secret: env.CROSSDOCK_WEBHOOK_SECRET };

const config = {
    logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: true }),
    apiOptions: { hostname: '127.0.0.1', port: Number(env.VENDURE_PORT), cors: false },
    authOptions: {
        tokenMethod: ['bearer', 'api-key'],
        superadminCredentials: { identifier: env.VENDURE_ADMIN, password: env.VENDURE_ADMIN_PASSWORD },
    },
    dbConnectionOptions: {
        type: 'postgres',
        host: env.PGHOST, // a unix socket's folder
        username: env.PGUSER,
        database: env.VENDURE_DB,
        synchronize: env.VENDURE_CREATE_TABLES === 'true',
    },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    // Where Crossdock keeps its own number of an order: unique, so that a repeated order is refused.
    customFields: { Order: [{ name: 'externalRef', type: 'string', unique: true, nullable: true, public: false }] },
    plugins: webhook.url && webhook.secret ? [CrossdockPlugin.init(webhook)] : [],
};

module.exports = { config };
