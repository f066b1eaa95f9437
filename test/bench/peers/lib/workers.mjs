// Starts and follows worker processes (child.mjs).
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('./child.mjs', import.meta.url));

export class Workers {
  constructor(side, opts, procs = 1) {
    Object.assign(this, { side, opts: { ...opts, db: side.db }, procs, kids: [], error: null });
  }
  // Processes that have loaded their libraries and do not work yet.
  async init() {
    await Promise.all(Array.from({ length: this.procs }, () => new Promise((resolve, reject) => {
      const p = fork(child, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      const k = { p, count: 0, starts: [] };
      k.stopped = new Promise((r) => { k.onStopped = r; });
      k.started = new Promise((r) => { k.onStarted = r; });
      p.on('message', (m) => {
        if (m.t === 'ready') resolve();
        else if (m.t === 'started') k.onStarted();
        else if (m.t === 'count') k.count = m.count;
        else if (m.t === 'stopped') { Object.assign(k, { count: m.count, starts: m.starts }); k.onStopped(); }
        else if (m.t === 'error') { this.error = new Error(m.error); reject(this.error); k.onStarted(); }
      });
      p.on('exit', () => { this.error ||= k.asked ? null : new Error('a worker process ended'); k.onStopped(); k.onStarted(); reject(this.error); });
      this.kids.push(k);
      p.send({ cmd: 'init', file: this.side.file, opts: this.opts });
    })));
    return this;
  }
  async go() {
    for (const k of this.kids) k.p.send({ cmd: 'go' });
    await Promise.all(this.kids.map((k) => k.started));
    if (this.error) throw this.error;
  }
  count() {
    if (this.error) throw this.error;
    return this.kids.reduce((s, k) => s + k.count, 0);
  }
  async stop() {
    for (const k of this.kids) { k.asked = true; if (k.p.connected) k.p.send({ cmd: 'stop' }); }
    await Promise.all(this.kids.map((k) => k.stopped));
    for (const k of this.kids) if (k.p.exitCode === null) k.p.kill('SIGKILL');
    return this.kids.flatMap((k) => k.starts);
  }
}
