-- Several databases and roles of one Postgres, always the same for the same figures:
-- @SCALE@ (of pgbench: 100,000 accounts each), @ORDERS@ rows in partitions, @OBJECTS@ large
-- objects of @CHUNKS@ × 64 bytes, and as many values beside the rows (TOAST). For psql, as a
-- superuser, in the database that holds pgbench's tables.
\set QUIET on
SET client_min_messages = warning;
SET synchronous_commit = off;
DROP TABLE IF EXISTS pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history;
DROP DATABASE IF EXISTS shop WITH (FORCE);
DROP DATABASE IF EXISTS "the archive" WITH (FORCE);
DROP ROLE IF EXISTS shop_app, shop_reader, "reporting's role";
CREATE ROLE shop_app LOGIN PASSWORD 'made-for-the-benchmark';
CREATE ROLE shop_reader NOLOGIN;
CREATE ROLE "reporting's role" LOGIN IN ROLE shop_reader CONNECTION LIMIT 5;

CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE pgbench_history
  (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
CREATE TABLE pgbench_accounts (aid int, bid int, abalance int, filler char(84));
INSERT INTO pgbench_branches (bid, bbalance) SELECT i, 0 FROM generate_series(1, @SCALE@) i;
INSERT INTO pgbench_tellers (tid, bid, tbalance)
  SELECT i, (i - 1) / 10 + 1, 0 FROM generate_series(1, 10 * @SCALE@) i;
-- Hexadecimal digits where pgbench has blanks: no real data packs like blanks.
INSERT INTO pgbench_accounts
  SELECT i, (i - 1) / 100000 + 1, 0, md5(i::text) || md5((i::bigint * 7)::text)
  FROM generate_series(1, 100000 * @SCALE@) i;
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
INSERT INTO pgbench_history
  SELECT i % 10 + 1, 1, i, i % 1000, timestamp '2026-01-01 00:00:00' + i * interval '1 s', ''
  FROM generate_series(1, 1000 * @SCALE@) i;

CREATE DATABASE shop OWNER shop_app;
CREATE DATABASE "the archive";
ALTER ROLE shop_app IN DATABASE shop SET work_mem = '8MB';

\connect shop
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION pgcrypto;
SET ROLE shop_app;
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('new', 'paid', 'sent', 'taken back');
CREATE TABLE sales.orders (
  id bigint NOT NULL, at timestamptz NOT NULL, customer int NOT NULL, state sales.state NOT NULL,
  total numeric(12, 2), note text, more hstore, document jsonb, tags text[],
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE sales.orders_q1 PARTITION OF sales.orders
  FOR VALUES FROM ('2025-01-01 UTC') TO ('2025-04-01 UTC');
CREATE TABLE sales.orders_q2 PARTITION OF sales.orders
  FOR VALUES FROM ('2025-04-01 UTC') TO ('2025-07-01 UTC');
CREATE TABLE sales.orders_q3 PARTITION OF sales.orders
  FOR VALUES FROM ('2025-07-01 UTC') TO ('2025-10-01 UTC') PARTITION BY HASH (id);
CREATE TABLE sales.orders_q3_0 PARTITION OF sales.orders_q3
  FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sales.orders_q3_1 PARTITION OF sales.orders_q3
  FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE sales.orders_other PARTITION OF sales.orders DEFAULT;
INSERT INTO sales.orders
  SELECT i, timestamptz '2025-01-01 UTC' + (i * 31 % 525600) * interval '1 minute', i % 5000,
    (enum_range(NULL::sales.state))[1 + i % 4], (i % 100000) / 7.0,
    CASE WHEN i % 3 = 0 THEN E'line one\nline two \\ ' || md5(i::text) END,
    hstore('weight', (i % 90)::text), jsonb_build_object('sku', md5((i * 3)::text), 'n', i % 9),
    ARRAY['tag ' || i % 50, NULL, 'ü' || i % 7]
  FROM generate_series(1::bigint, @ORDERS@) i;
CREATE INDEX orders_by_customer ON sales.orders (customer);
CREATE TABLE sales.customers (id int PRIMARY KEY, name text NOT NULL, since date);
INSERT INTO sales.customers
  SELECT i, 'Customer ' || md5(i::text), date '2020-01-01' + i % 2000
  FROM generate_series(0, 4999) i;
CREATE INDEX customers_by_name ON sales.customers USING gin (name public.gin_trgm_ops);
CREATE MATERIALIZED VIEW sales.by_state AS
  SELECT state, count(*) AS n, sum(total) AS total FROM sales.orders GROUP BY state;
CREATE VIEW sales.open_orders AS SELECT * FROM sales.orders WHERE state = 'new';
CREATE SEQUENCE sales.invoice START 1000 INCREMENT 5;
SELECT nextval('sales.invoice') \g /dev/null
CREATE FUNCTION sales.doubled(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE INDEX customers_doubled ON sales.customers (sales.doubled(id));
GRANT USAGE ON SCHEMA sales TO shop_reader;
GRANT SELECT ON sales.open_orders TO shop_reader;

\connect "the archive"
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE FUNCTION noise(seed int) RETURNS bytea LANGUAGE sql AS
  'SELECT string_agg(sha512(convert_to(seed || '':'' || i, ''UTF8'')), '''' ORDER BY i)
   FROM generate_series(1, @CHUNKS@) i';
CREATE TABLE scans (id int PRIMARY KEY, name text, object oid, page bytea);
ALTER TABLE scans ALTER page SET STORAGE EXTERNAL;
INSERT INTO scans
  SELECT i, 'scan ' || i, lo_from_bytea(70000 + i, noise(i)), noise(-i)
  FROM generate_series(1, @OBJECTS@) i;
