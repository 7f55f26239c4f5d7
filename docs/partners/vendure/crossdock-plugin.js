'use strict';
/**
 * Tells Crossdock at once when an order of this shop changes. Copy the file into the shop and add the plugin:
 *
 *     const { CrossdockPlugin } = require('./crossdock-plugin');
 *     plugins: [CrossdockPlugin.init({ url: process.env.CROSSDOCK_WEBHOOK_URL, secret: process.env.CROSSDOCK_WEBHOOK_SECRET })]
 *
 * A delivery names the order and nothing else of it; Crossdock reads the order itself. Without the plugin a change of
 * state is noticed late: an order's updatedAt moves with its lines and fields, but not when it is placed, fulfilled,
 * shipped or refunded.
 *
 * It runs inside the shop and has no outbox: what waits is in memory, and a crash, a restart or an outage longer than the
 * retries loses it. Crossdock's sweep over open orders finds what was lost. In return the shop never waits for Crossdock
 * and never fails because of it.
 */
const { createHmac, randomUUID } = require('node:crypto');
const core = require('@vendure/core');

const context = 'CrossdockPlugin';
const patience = 5_000; // milliseconds for one attempt
const pauses = [1_000, 10_000, 60_000]; // milliseconds before each further attempt
const most = 1_000; // deliveries that may wait at a time

class CrossdockPlugin {
    static options = { url: '', secret: '' };

    static init(options) {
        CrossdockPlugin.options = options;
        return CrossdockPlugin;
    }

    constructor(events, connection, config) {
        Object.assign(this, { events, connection, config, waiting: 0 });
    }

    onApplicationBootstrap() {
        // A subscriber runs after the change is committed, and nobody waits for it.
        const on = (event, type, orders) =>
            this.events.ofType(event).subscribe(e => {
                this.tell(type, e, orders).catch(err => core.Logger.error(`${type}: ${err.message}`, context));
            });
        on(core.OrderStateTransitionEvent, 'order', e => placed(e.order));
        // Cancelling some of the lines leaves the order's state as it is.
        on(core.OrderLineEvent, 'order', e => (e.type === 'cancelled' ? placed(e.order) : []));
        on(core.FulfillmentStateTransitionEvent, 'fulfillment', e =>
            this.connection.getRepository(e.ctx, core.Order).find({ where: { fulfillments: { id: e.fulfillment.id } } }),
        );
        on(core.RefundStateTransitionEvent, 'refund', e => [e.order]);
    }

    async tell(type, event, orders) {
        const ids = this.config.entityOptions.entityIdStrategy;
        for (const order of await orders(event)) {
            await this.deliver(type, ids.encodeId(order.id));
        }
    }

    // The id stays the same through all attempts, so that Crossdock knows a repeat.
    async deliver(type, orderId) {
        if (this.waiting >= most) {
            core.Logger.error(`${type} of order ${orderId} is not delivered: ${most} others wait`, context);
            return;
        }
        const { url, secret } = CrossdockPlugin.options;
        const id = randomUUID();
        const body = JSON.stringify({ id, type, orderId });
        const headers = {
            'Content-Type': 'application/json',
            'X-Crossdock-Delivery': id,
            'X-Crossdock-Topic': type,
            'X-Crossdock-Signature': createHmac('sha256', secret).update(body).digest('base64'),
        };
        this.waiting++;
        try {
            for (const pause of [...pauses, undefined]) {
                const problem = await attempt(url, headers, body);
                if (!problem) return;
                core.Logger.warn(`${type} of order ${orderId}: ${problem}${pause ? '' : '; given up'}`, context);
                if (pause) await new Promise(resolve => setTimeout(resolve, pause).unref());
            }
        } finally {
            this.waiting--;
        }
    }
}

// Carts and drafts are no orders yet.
function placed(order) {
    return order.orderPlacedAt ? [order] : [];
}

// attempt returns what went wrong, or nothing.
async function attempt(url, headers, body) {
    try {
        const res = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal: AbortSignal.timeout(patience) });
        await res.body?.cancel();
        return res.ok ? '' : `Crossdock answered ${res.status}`;
    } catch (err) {
        return err.cause?.code ?? err.message;
    }
}

// Plain JavaScript has no decorators; this is what they would do.
Reflect.defineMetadata('design:paramtypes', [core.EventBus, core.TransactionalConnection, core.ConfigService], CrossdockPlugin);
core.VendurePlugin({ imports: [core.PluginCommonModule], compatibility: '^3.0.0' })(CrossdockPlugin);

module.exports = { CrossdockPlugin };
