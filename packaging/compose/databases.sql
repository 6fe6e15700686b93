-- Runs once, when PostgreSQL creates its data directory. Synapse requires the locale C.
\set keycloak `cat /run/secrets/keycloak`
\set mas `cat /run/secrets/mas`
\set synapse `cat /run/secrets/synapse`

CREATE ROLE keycloak LOGIN PASSWORD :'keycloak';
CREATE ROLE mas LOGIN PASSWORD :'mas';
CREATE ROLE synapse LOGIN PASSWORD :'synapse';

CREATE DATABASE keycloak OWNER keycloak TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE mas OWNER mas TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE synapse OWNER synapse TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';

-- The owner may still connect; no one else.
REVOKE CONNECT ON DATABASE keycloak FROM PUBLIC;
REVOKE CONNECT ON DATABASE mas FROM PUBLIC;
REVOKE CONNECT ON DATABASE synapse FROM PUBLIC;
