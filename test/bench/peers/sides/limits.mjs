// What plain PostgreSQL does on this machine: the limits that ratios are taken of. (Those about the row of a job are measured
// in the database of pg_foreman, which has that row.)
import { connect, seconds } from '../lib/env.mjs';

export default {
  name: 'limits', title: 'plain PostgreSQL', db: 'bench_limits', file: import.meta.url,
  version: async () => '',
  async setup(c) {
    await c.query(`CREATE TABLE one_row (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int NOT NULL);
      CREATE TABLE side (id int8 NOT NULL, v int NOT NULL);
      CREATE PROCEDURE commit_rows(n int) LANGUAGE plpgsql AS $$
        BEGIN FOR i IN 1 .. n LOOP INSERT INTO one_row (v) VALUES (i); COMMIT; END LOOP; END$$;
      CREATE FUNCTION insert_row(id int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO side VALUES (id, 1); END$$;
      CREATE PROCEDURE isolated_rows(n int) LANGUAGE plpgsql AS $$
        BEGIN FOR i IN 1 .. n LOOP
          BEGIN PERFORM insert_row(i); EXCEPTION WHEN others THEN NULL; END;
          IF i % 60 = 0 THEN COMMIT; END IF;
        END LOOP; END$$;`);
  },
  async clean(c) { await c.query('TRUNCATE one_row, side'); },
  // The same procedure in two server processes at once: how many of its rounds in a second.
  async twice(procedure, n) {
    const cs = [await connect(this.db), await connect(this.db)];
    try {
      return 2 * n / await seconds(() => Promise.all(cs.map((c) => c.query(`CALL ${procedure}(${n})`))));
    } finally { for (const c of cs) await c.end(); }
  },
};
