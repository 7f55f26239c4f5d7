'use strict';
// Runs the shop until it is interrupted.
const { bootstrap } = require('@vendure/core');
const { config } = require('./config.js');

bootstrap(config).catch(err => {
    console.error(err);
    process.exit(1);
});
