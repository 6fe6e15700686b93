//! The program as its users run it, against stand-ins for the servers.

mod harness;
mod table;
