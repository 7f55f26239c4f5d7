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

// open shows GraphiQL to somebody and waits until its editor and the schema are there.
async function open(who = 'buyer') {
  // The response pane holds only the lines that it shows, so the page is large.
  const page = await browser.newPage({ permissions: ['clipboard-read', 'clipboard-write'], viewport: { width: 1800, height: 2400 } });
  page.strangers = [];
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (!['127.0.0.1', ''].includes(url.hostname)) page.strangers.push(r.url());
  });
  await page.goto(`${world.graphiql}#token=${world.tokens[who]}`);
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).waitFor();
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return page;
}

// choose opens a tab, unless it is open: choosing it again takes back what was just written.
async function choose(page, tab) {
  const it = page.getByRole('tab').nth(tab);
  if ((await it.getAttribute('aria-selected')) !== 'true') await it.click();
}

// execute opens a tab, runs it and waits until the response pane shows the text. GraphiQL learns a
// tab's operation a moment after it shows it, so an early click asks for the last tab's: click again.
async function execute(page, tab, text) {
  await choose(page, tab);
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

// fill writes a tab's variables as a person does, over what stands there.
async function fill(page, tab, variables) {
  await choose(page, tab);
  await page.getByRole('button', { name: 'Variables', exact: true }).click();
  await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines').click();
  await page.keyboard.press('ControlOrMeta+A');
  // Pasted, because the editor closes brackets that are typed.
  await page.evaluate((text) => navigator.clipboard.writeText(text), JSON.stringify(variables));
  await page.keyboard.press('ControlOrMeta+V');
}

const response = (page) => page.locator('.graphiql-response').innerText().then((t) => t.replaceAll('\u00a0', ' '));

test('a return is asked for, agreed to and credited in GraphiQL', async () => {
  const placed = await ask(`mutation { placeOrder(input: {idempotencyKey: "back", lines: [{sku: "SKU-1000", quantity: {value: "2"}}]}) { order { id } } }`);
  const { id } = placed.data.placeOrder.order;
  const buyer = await open();
  // Only what was shipped can come back.
  for (let shipped = '0'; shipped !== '2'; ) {
    const got = await ask('query($id: ID!) { order(id: $id) { lines { shipped { value } } } }', { id });
    shipped = got.data.order.lines[0].shipped.value;
  }
  await fill(buyer, 4, { order: id });
  await execute(buyer, 4, '"REQUESTED"');
  const returned = /"id":\s*"([^"]+)"/.exec(await response(buyer))[1];

  const service = await open('service');
  await fill(service, 5, { return: returned });
  await execute(service, 5, '"AUTHORIZED"');
  await service.close();

  for (let status; status !== 'CLOSED'; ) {
    status = (await ask('query($id: ID!) { return(id: $id) { status } }', { id: returned })).data.return.status;
  }
  await execute(buyer, 3, '"CLOSED"');
  assert.match(await response(buyer), /"creditMemos": \[\s*\{\s*"number": "[^"]+"/);
  await buyer.close();
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
  const whole = await ask('query($id: ID!) { order(id: $id) { timeline { nodes { id } } } }', { id });
  const timeline = whole.data.order.timeline.nodes.map((e) => e.id);
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
