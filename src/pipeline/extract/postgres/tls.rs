//! Connecting to PostgreSQL with or without TLS, as `sslmode` in the address says.
//!
//! `disable` is plain, `prefer` (the default) is TLS where the server offers it, `require`,
//! `verify-ca` and `verify-full` are TLS or nothing. Wherever TLS is used the certificate and the
//! host name are verified, against `sslrootcert` (a PEM file) or the public roots.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::extract::error::{Cause, Told};

/// What the address says about TLS, and the address without it.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: String,
    mode: SslMode,
    root_file: Option<String>,
}

fn target(address: &str) -> Result<Target, Cause> {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let mut mode = SslMode::Prefer;
    let mut root_file = None;
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("sslmode", "disable") => mode = SslMode::Disable,
            ("sslmode", "allow" | "prefer") => mode = SslMode::Prefer,
            ("sslmode", "require" | "verify-ca" | "verify-full") => mode = SslMode::Require,
            ("sslmode", other) => return Err(Told(format!("unknown sslmode `{other}`")).into()),
            ("sslrootcert", file) => root_file = Some(file.to_owned()),
            (name, value) => {
                rest.append_pair(name, value);
            }
        }
    }
    let rest = rest.finish();
    let address = if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") };
    Ok(Target { address, mode, root_file })
}

/// Connects and drives the connection in the background until the client is dropped.
pub(super) async fn connect(address: &str) -> Result<Client, Cause> {
    let target = target(address)?;
    let mut config: Config =
        target.address.parse().map_err(|_| Told("the address cannot be read".into()))?;
    config.ssl_mode(target.mode).application_name("clinichub");
    if target.mode == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await?;
        drive(connection);
        return Ok(client);
    }
    let connector = MakeRustlsConnect::new(tls_config(target.root_file.as_deref())?);
    let (client, connection) = config.connect(connector).await?;
    drive(connection);
    Ok(client)
}

fn drive<C>(connection: C)
where
    C: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        if connection.await.is_err() {
            // Whoever waits for an answer is told the cause; here only the fact remains.
            tracing::debug!("a connection to a source ended with an error");
        }
    });
}

fn tls_config(root_file: Option<&str>) -> Result<ClientConfig, Cause> {
    let mut roots = RootCertStore::empty();
    match root_file {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_how() {
        let read = |address: &str| target(address).expect("a target");
        assert_eq!(read("postgres://h/d").mode, SslMode::Prefer);
        assert_eq!(read("postgres://h/d?sslmode=disable").mode, SslMode::Disable);
        let full =
            read("postgres://h/d?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3");
        assert_eq!(full.mode, SslMode::Require);
        assert_eq!(full.root_file.as_deref(), Some("/ca.pem"));
        assert_eq!(full.address, "postgres://h/d?connect_timeout=3");
        assert!(target("postgres://h/d?sslmode=maybe").is_err());
        assert!(tls_config(None).is_ok());
    }
}
