// Processes that checks start. All of them are killed when the run ends.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 60_000;
const running = new Set();

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Find a port that is free at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Start a command in the background; `stop()` ends it and waits, `said` is all its output. */
export function start(command, args, { cwd, env = {} } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  const started = { said: '', status: null };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (started.said += text));
  }
  running.add(child);
  const ended = new Promise((done) => {
    child.on('error', (error) => {
      started.said += error.message;
      done(127);
    });
    child.on('exit', (status, signal) => done(status ?? signal));
  }).then((status) => {
    running.delete(child);
    return (started.status = status);
  });
  started.stop = async () => {
    child.kill();
    await ended;
  };
  started.ended = ended;
  return started;
}

/** Run a command; returns its standard output, or throws an error with all its output. */
export async function run(command, args, { cwd, env = {} } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env } });
  running.add(child);
  let out = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text) => ((out += text), (all += text)));
  child.stderr.setEncoding('utf8').on('data', (text) => (all += text));
  const status = await new Promise((done) => {
    child.on('error', (error) => ((all += error.message), done(127)));
    child.on('close', done);
  });
  running.delete(child);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}\n${all}`);
  return out;
}

/** Wait until a URL answers 200; throws if its process ends, or after a minute. */
export async function ready(url, served) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    if (await fetch(url).then((answer) => answer.ok, () => false)) return;
    if (served.status !== null || Date.now() > end) {
      throw new Error(`${url} does not answer\n${served.said}`);
    }
    await sleep(100);
  }
}
