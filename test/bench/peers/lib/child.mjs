// A worker process outside the server: loads the file of a side, runs its worker(), tells the parent what was done.
import { now, setClock } from './env.mjs';

let count = 0, stop = null, side = null, opts = null;
const starts = [];
const api = {
  count(n) { count += n; },
  // A job whose number is n starts now.
  stamp(n) { starts.push([Number(n), now()]); count += 1; },
};
const send = (m) => { if (process.connected) process.send(m); };
setInterval(() => send({ t: 'count', count }), 20).unref();
process.on('message', async (m) => {
  try {
    if (m.cmd === 'init') {
      side = (await import(m.file)).default;
      opts = m.opts;
      if (side.workerInit) await side.workerInit(opts);
      send({ t: 'ready' });
    } else if (m.cmd === 'go') {
      setClock();
      stop = await side.worker(opts, api);
      send({ t: 'started' });
    } else if (m.cmd === 'stop') {
      const give_up = setTimeout(() => process.exit(0), 8000);
      try { if (stop) await stop(); } catch { /* it ends anyway */ }
      clearTimeout(give_up);
      process.send({ t: 'stopped', count, starts }, () => process.exit(0));
    }
  } catch (e) { send({ t: 'error', error: String((e && e.stack) || e) }); }
});
process.on('disconnect', () => process.exit(0));
