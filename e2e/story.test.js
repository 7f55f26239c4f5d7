// The story of an order, told as people live it: in a real browser, and with the clients that
// apps are built with. Everything runs on this machine; the browser may reach nothing else.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-ws';
import { chromium } from 'playwright-core';
import WebSocket from 'ws';

const root = path.resolve(import.meta.dirname, '..');
let dir, server, world, browser;

before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'crossdock-e2e-'));
  const binary = path.join(dir, 'crossdock');
  await run('go', ['build', '-o', binary, '.']);
  server = spawn(binary, ['dev', '--print=json', '--listen', '127.0.0.1:0', '--data-dir', path.join(dir, 'data'), '--tick', '300ms'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of readline.createInterface({ input: server.stdout })) {
    world = JSON.parse(line);
    break;
  }
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  if (server) {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT');
    await gone;
  }
  await rm(dir, { recursive: true, force: true });
});

function run(command, args) {
  return new Promise((resolve, reject) => {
    spawn(command, args, { cwd: root, stdio: 'inherit' }).once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} exited ${code}`))));
  });
}

async function ask(query, variables, who = 'buyer') {
  const res = await fetch(world.graphql, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${world.tokens[who]}` },
    body: JSON.stringify({ query, variables }),
  });
  return res.json();
}

// open shows GraphiQL to the buyer and waits until its editor and the schema are there.
async function open() {
  const page = await browser.newPage();
  page.strangers = [];
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (!['127.0.0.1', ''].includes(url.hostname)) page.strangers.push(r.url());
  });
  await page.goto(`${world.graphiql}#token=${world.tokens.buyer}`);
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).waitFor();
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return page;
}

// execute opens a tab, runs it and waits until the response pane shows the text. GraphiQL learns a
// tab's operation a moment after it shows it, so an early click asks for the last tab's: click again.
async function execute(page, tab, text) {
  await page.getByRole('tab').nth(tab).click();
  for (let tries = 1; ; tries++) {
    await page.getByRole('button', { name: /execute query/i }).click();
    try {
      // The editor writes blanks that do not break.
      await page.waitForFunction((t) => document.querySelector('.graphiql-response')?.innerText.replaceAll('\u00a0', ' ').includes(t), text, { timeout: 5_000 });
      return;
    } catch (e) {
      if (tries === 5) throw e;
    }
  }
}

test('GraphiQL works offline, runs the story and shows the answer', async () => {
  const page = await open();
  await execute(page, 0, 'Bea Buyer');
  await execute(page, 1, '"ACCEPTED"');
  assert.deepEqual(page.strangers, []);
  await page.close();
});

test('GraphiQL streams a subscription', async () => {
  const page = await open();
  // The pane shows the newest event, whichever that is by now.
  await execute(page, 2, '"cursor": "p');
  await page.close();
});

test('a mobile app follows an order over graphql-transport-ws and resumes without a gap', async () => {
  const placed = await ask(`mutation { placeOrder(input: {idempotencyKey: "e2e", lines: [{sku: "SKU-1001", quantity: {value: "3"}}]}) { decision order { id } } }`);
  assert.equal(placed.data.placeOrder.decision, 'ACCEPTED');
  const id = placed.data.placeOrder.order.id;
  const client = () => createClient({ url: world.graphql.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${world.tokens.buyer}` } });
  const query = 'subscription($id: ID!, $after: Cursor) { orderEvents(orderId: $id, after: $after) { id type cursor } }';
  const seen = [];
  let cursor = 'p0';
  // Read three events a connection, then drop it and go on from the last cursor.
  while (!seen.some((e) => e.type === 'shipment.delivered')) {
    const c = client();
    let n = 0;
    for await (const { data } of c.iterate({ query, variables: { id, after: cursor } })) {
      seen.push(data.orderEvents);
      cursor = data.orderEvents.cursor;
      if (++n === 3 || data.orderEvents.type === 'shipment.delivered') break;
    }
    await c.dispose();
  }
  assert.equal(new Set(seen.map((e) => e.id)).size, seen.length, 'no event came twice');
  const whole = await ask('query($id: ID!) { order(id: $id) { timeline { id } } }', { id });
  const timeline = whole.data.order.timeline.map((e) => e.id);
  assert.deepEqual(seen.map((e) => e.id), timeline.slice(0, seen.length), 'no event was missed');
});

test('a WebSocket without a token gets nothing', async () => {
  const c = createClient({ url: world.graphql.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  await assert.rejects(async () => {
    for await (const _ of c.iterate({ query: 'subscription { fulfillmentEvents { id } }' })) assert.fail('an event');
  });
  await c.dispose();
});

test('server-sent events stream the same', async () => {
  const res = await fetch(world.graphql, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream', Authorization: `Bearer ${world.tokens.buyer}` },
    body: JSON.stringify({ query: 'subscription { fulfillmentEvents(after: "p0") { type } }' }),
  });
  const reader = res.body.getReader();
  let text = '';
  while (!text.includes('fulfillment.')) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
});
