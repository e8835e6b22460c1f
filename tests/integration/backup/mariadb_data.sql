-- A small MariaDB with everything that a copy can get wrong.
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE DATABASE `odd-name . ``x``` CHARACTER SET latin1;
CREATE DATABASE nothing;
CREATE ROLE clerks;
CREATE USER 'app'@'%' IDENTIFIED BY 'app-secret';
CREATE USER 'it''s'@'localhost' IDENTIFIED BY 'other';
GRANT SELECT, INSERT ON shop.* TO 'app'@'%';
GRANT SELECT ON shop.* TO clerks;
GRANT clerks TO 'app'@'%';
USE shop;
CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  price DECIMAL(20,6), ratio DOUBLE, raw VARBINARY(100), words TEXT, flags BIT(5),
  kind ENUM('a','b'), picks SET('x','y'), extra JSON, day DATE, hidden INT INVISIBLE DEFAULT 3);
INSERT INTO plain (price, ratio, raw, words, flags, kind, picks, extra, day)
  SELECT seq / 7, SQRT(seq), UNHEX(MD5(seq)), CONCAT('line\n\t''"\\ ü ', seq), b'10101', 'b', 'x,y',
    '{"k": [1, null]}', '2025-01-01' + INTERVAL seq DAY FROM seq_1_to_2000;
CREATE TABLE empty (id INT PRIMARY KEY);
CREATE TABLE twins (v VARCHAR(20));
INSERT INTO twins SELECT 'same' FROM seq_1_to_10;
INSERT INTO twins VALUES (NULL), (''), ('NULL'), ('-- Dump completed');
CREATE TABLE parted (id INT, y INT) PARTITION BY RANGE (y)
  (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parted SELECT seq, 1990 + seq FROM seq_1_to_20;
CREATE TABLE computed (a INT, b INT AS (a * 2) STORED, c INT AS (a + 1) VIRTUAL);
INSERT INTO computed (a) VALUES (4);
CREATE TABLE old_engine (a INT) ENGINE=MyISAM;
INSERT INTO old_engine VALUES (1);
CREATE TABLE child (id INT PRIMARY KEY, plain_id INT, FOREIGN KEY (plain_id) REFERENCES plain (id));
INSERT INTO child VALUES (1, 1);
CREATE SEQUENCE numbers START WITH 10 INCREMENT BY 5;
DO NEXTVAL(numbers);
CREATE VIEW cheap AS SELECT * FROM plain WHERE price < 10;
DELIMITER //
CREATE PROCEDURE hello() BEGIN SELECT 'hello'; END//
CREATE FUNCTION one() RETURNS INT DETERMINISTIC BEGIN RETURN 1; END//
CREATE TRIGGER noting BEFORE UPDATE ON plain FOR EACH ROW BEGIN SET NEW.words = NEW.words; END//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM empty; END//
DELIMITER ;
USE `odd-name . ``x```;
CREATE TABLE `ta``ble 'x' \ ; -- ü` (`select` INT, `a b` VARCHAR(10), g GEOMETRY, f FLOAT);
INSERT INTO `ta``ble 'x' \ ; -- ü` VALUES (1, 'é', ST_GeomFromText('POINT(1 2)'), 0.1);
