-- Run once by an empty PostgreSQL: the ledger's database is there already, Prefect gets its own.
CREATE DATABASE prefect OWNER minsheng TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
