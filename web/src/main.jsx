import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import React from 'react';
import { createRoot } from 'react-dom/client';

const url = new URL('/graphql', window.location.href);
const socket = new URL(url);
socket.protocol = url.protocol.replace('http', 'ws');

// The development server puts a token and two items into the page's address, after the #, where they
// stay in the browser; with them the first click already has an identity and something to order.
const hints = new URLSearchParams(window.location.hash.slice(1));
const token = hints.get('token');
const [one, two] = (hints.get('skus') ?? 'SKU-1000,SKU-1001').split(',');
const remembered = window.localStorage.getItem('crossdock:token');
if (token) window.localStorage.setItem('crossdock:token', token);
const identity = `Bearer ${token ?? remembered ?? 'paste a token here'}`;
const headers = JSON.stringify({ Authorization: identity }, null, 2);

// GraphiQL hands the headers editor's content to each request; subscriptions need it in
// connection_init, so every subscription gets a socket of its own.
const http = createGraphiQLFetcher({ url: url.href });
function fetcher(params, options) {
  // The first introspection runs before the headers editor is there.
  const bearer = options?.headers?.Authorization ?? options?.headers?.authorization ?? identity;
  const isSubscription = options?.documentAST?.definitions.some(
    (d) => d.kind === 'OperationDefinition' && d.operation === 'subscription' && (!params.operationName || d.name?.value === params.operationName),
  );
  if (!isSubscription) return http(params, { ...options, headers: { ...options?.headers, Authorization: bearer } });
  const client = createClient({ url: socket.href, connectionParams: { Authorization: bearer }, retryAttempts: 5 });
  return client.iterate(params);
}

// The examples are a file of their own, so that editing them does not rewrite the bundle.
import(/* @vite-ignore */ new URL('story.js', document.baseURI).href).then(({ story }) =>
  createRoot(document.getElementById('root')).render(
    <GraphiQL
      fetcher={fetcher}
      defaultHeaders={headers}
      initialHeaders={headers}
      defaultTabs={story(one, two).map((step) => ({ ...step, headers }))}
      defaultEditorToolsVisibility="headers"
      shouldPersistHeaders
    />,
  ),
);
