-- Two databases and some accounts of one MariaDB, always the same for the same figures:
-- @DOCUMENTS@ rows of some 500 bytes, @EVENTS@ rows in partitions, @FILES@ values of 64 KiB.
-- For the client, as root; the service's own database is @DATABASE@.
SET SESSION unique_checks = 0, foreign_key_checks = 0, group_concat_max_len = 1048576;
DROP DATABASE IF EXISTS `the archive`;
CREATE DATABASE `the archive` CHARACTER SET utf8mb4;
CREATE OR REPLACE USER 'reporting'@'%' IDENTIFIED BY 'made-for-the-benchmark';
CREATE OR REPLACE ROLE readers;
GRANT SELECT ON `the archive`.* TO readers;
GRANT readers TO 'reporting'@'%';
USE `@DATABASE@`;
DROP VIEW IF EXISTS recent;
DROP TABLE IF EXISTS documents, events, counters, journal;
CREATE TABLE documents (
  id bigint PRIMARY KEY, uid char(32) NOT NULL, at datetime(3), body mediumtext, about json,
  price decimal(12, 4), ratio double, flags bit(5), kind enum('a', 'b', 'ü'), packed varbinary(64)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
INSERT INTO documents
  SELECT seq, md5(seq), timestamp '2026-01-01 00:00:00' + INTERVAL seq SECOND,
    concat(sha2(seq, 512), sha2(seq * 3, 512), '\nü\\''"', sha2(seq * 5, 384)),
    json_object('n', seq, 'tag', md5(seq * 7)), seq / 7, sqrt(seq), seq % 32,
    elt(1 + seq % 3, 'a', 'b', 'ü'), unhex(md5(seq * 11))
  FROM seq_1_to_@DOCUMENTS@;
ALTER TABLE documents ADD INDEX by_time (at);
CREATE TABLE events (id bigint NOT NULL, day int NOT NULL, what varchar(80), PRIMARY KEY (id, day))
  ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 PARTITION BY RANGE (day) (
    PARTITION early VALUES LESS THAN (100), PARTITION late VALUES LESS THAN (250),
    PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO events SELECT seq, seq % 365, concat('event ', md5(seq)) FROM seq_1_to_@EVENTS@;
CREATE TABLE counters (name varchar(60) PRIMARY KEY, value bigint) ENGINE = InnoDB;
INSERT INTO counters SELECT concat('counter ', seq), seq * seq FROM seq_1_to_500;
CREATE TABLE journal (id int AUTO_INCREMENT PRIMARY KEY, said text) ENGINE = InnoDB;
CREATE VIEW recent AS SELECT id, uid, at FROM documents WHERE id > @DOCUMENTS@ - 100;
CREATE TRIGGER counted AFTER UPDATE ON counters
  FOR EACH ROW INSERT INTO journal (said) VALUES (concat(OLD.name, ': ', NEW.value));
UPDATE counters SET value = value + 1 WHERE name LIKE 'counter 1%';
CREATE OR REPLACE PROCEDURE bump(IN which varchar(60))
  UPDATE counters SET value = value + 1 WHERE name = which;
CREATE OR REPLACE FUNCTION twice(n bigint) RETURNS bigint DETERMINISTIC RETURN n * 2;
USE `the archive`;
CREATE TABLE files (id int PRIMARY KEY, name varchar(200), content mediumblob) ENGINE = InnoDB;
INSERT INTO files
  SELECT file.seq, concat('file ', file.seq),
    unhex(group_concat(sha2(concat(file.seq, ':', part.seq), 512) ORDER BY part.seq SEPARATOR ''))
  FROM seq_1_to_@FILES@ file JOIN seq_1_to_1024 part GROUP BY file.seq;
