//! `keycloak.ca_file` and `synapse.ca_file`: each server has its own authority, and no other is
//! trusted for it.

use std::path::Path;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Run, program, started, the_table};
use crate::tls::{Authority, TlsFront};

/// Keycloak and Synapse behind TLS, each with a certificate of its own authority.
struct Behind {
    keycloak: (TlsFront, Authority),
    synapse: (TlsFront, Authority),
    world: RunningWorld,
}

async fn behind() -> Behind {
    let world = started(the_table()).await;
    let front = |address, name| {
        let own = Authority::new(name);
        (TlsFront::start(address, &own.server(), None), own)
    };
    let keycloak = front(world.keycloak.server().address(), "of Keycloak");
    let synapse = front(world.synapse.server().address(), "of Synapse");
    Behind { keycloak, synapse, world }
}

impl Behind {
    /// A plan that trusts these authorities for Keycloak and for Synapse.
    fn plan(&self, keycloak: Option<&Authority>, synapse: Option<&Authority>) -> Run {
        let directory = self.world.directory();
        let key = |section: &str, authority: Option<&Authority>| match authority {
            Some(authority) => {
                let path = authority.write(directory, &format!("ca-of-{section}"));
                format!("[{section}]\nca_file = {:?}\n", path.to_string_lossy())
            }
            None => String::new(),
        };
        let toml = key("keycloak", keycloak) + &key("synapse", synapse);
        let program = program(&self.world).file(&self.world, &toml);
        let program = program.env("KC_URL", &self.keycloak.0.url());
        program.env("MATRIX_URL", &self.synapse.0.url()).run("plan")
    }
}

#[tokio::test]
async fn each_server_is_trusted_by_its_own_authority_only() {
    let world = behind().await;
    let (of_keycloak, of_synapse) = (&world.keycloak.1, &world.synapse.1);
    world.plan(Some(of_keycloak), Some(of_synapse)).exits(0);
    let no_synapse = ["Synapse: GET https://localhost:", "no connection"];
    let no_keycloak = ["Keycloak: POST https://localhost:", "no connection"];
    world.plan(Some(of_keycloak), None).exits(1).tells(&no_synapse);
    world.plan(Some(of_keycloak), Some(of_keycloak)).exits(1).tells(&no_synapse);
    world.plan(None, Some(of_synapse)).exits(1).tells(&no_keycloak);
    let hint = ["`keycloak.ca_file` for your own authority"];
    world.plan(Some(of_synapse), Some(of_synapse)).exits(1).tells(&no_keycloak).tells(&hint);
}

#[tokio::test]
async fn file_without_a_certificate_is_a_wrong_configuration() {
    let world = started(the_table()).await;
    let empty = world.directory().join("empty.pem");
    std::fs::write(&empty, "").expect("a writable directory");
    for section in ["keycloak", "synapse"] {
        for path in [&*empty, Path::new("/not/there.pem")] {
            let toml = format!("[{section}]\nca_file = {:?}\n", path.to_string_lossy());
            let run = program(&world).file(&world, &toml).run("plan").exits(78);
            run.tells(&[&format!("{section}.ca_file = {:?}", path.to_string_lossy())]);
        }
    }
}
