-- answer: Whether a server answers.
SELECT 1;

-- roles: Which of these roles the server has.
SELECT rolname FROM pg_roles WHERE rolname = ANY(%(roles)s) ORDER BY rolname;

-- database: Whether there is a database of that name.
SELECT FROM pg_database WHERE datname = %(name)s;

-- create_role: The statement that makes the role that owns the database; no superuser.
SELECT format('CREATE ROLE %%I LOGIN CREATEROLE', %(role)s::text);

-- set_password: The statement that gives a role the password of that verifier.
SELECT format('ALTER ROLE %%I PASSWORD %%L', %(role)s::text, %(verifier)s::text);

-- create_database: The statement that copies a template's files as they are; its pages through the log take longer.
SELECT format('CREATE DATABASE %%I OWNER %%I TEMPLATE %%I STRATEGY FILE_COPY', %(name)s::text, %(owner)s::text,
    %(template)s::text);

-- drop_database: The statement that drops a database and ends the sessions in it.
SELECT format('DROP DATABASE IF EXISTS %%I WITH (FORCE)', %(name)s::text);
