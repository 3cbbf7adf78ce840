//! Calls of a method: requests from JSON, answers to JSON.

use std::io::Read;

use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::Status;
use tonic::transport::Channel;

use crate::codec::DynamicCodec;
use crate::print;
use crate::reflection::{Reflection, ReflectionError, ready};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// Neither `service/method` nor `service.method`.
    #[error(
        "given method name \"{0}\" is not in expected format: 'service/method' or 'service.method'"
    )]
    Name(String),
    /// The server does not describe the service.
    #[error("target server does not expose service \"{0}\"")]
    NoService(String),
    /// The service has no such method.
    #[error("service \"{0}\" does not include a method named \"{1}\"")]
    NoMethod(String, String),
    /// It cannot be asked.
    #[error("failed to query for service descriptor \"{0}\": {1}")]
    Descriptor(String, #[source] ReflectionError),
    /// The request is no JSON, or not of the method's type.
    #[error("error getting request data: {0}")]
    Data(String),
    /// A method that takes one message was given more.
    #[error("method \"{0}\" is a unary RPC, but request data contained more than 1 message")]
    TooMany(String),
    /// The server says no.
    #[error("{0}")]
    Refused(#[from] Status),
}

/// Calls a method and prints its answers.
pub(crate) async fn invoke(
    reflection: &mut Reflection,
    channel: Channel,
    name: &str,
    data: Option<&str>,
) -> Result<(), InvokeError> {
    let method = find(reflection, name).await?;
    let requests = requests(&method, data)?;
    let mut client = ready(&channel).await?;
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = path
        .parse()
        .map_err(|_| InvokeError::Name(name.to_owned()))?;
    let request = reflection.request(tokio_stream::iter(requests))?;
    let codec = DynamicCodec::new(method.output());
    // A call with one message is, on the wire, a stream of one message.
    let mut answers = client.streaming(request, path, codec).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        print(&json(&answer));
    }
    Ok(())
}

async fn find(reflection: &mut Reflection, name: &str) -> Result<MethodDescriptor, InvokeError> {
    let parts = name.rsplit_once('/').or_else(|| name.rsplit_once('.'));
    let (service, method) = parts.ok_or_else(|| InvokeError::Name(name.to_owned()))?;
    let found = reflection.service(service).await;
    let found = found.map_err(|error| match error {
        ReflectionError::NotFound(..) => InvokeError::NoService(service.to_owned()),
        error => InvokeError::Descriptor(service.to_owned(), error),
    })?;
    let known = found.methods().find(|known| known.name() == method);
    known.ok_or_else(|| InvokeError::NoMethod(service.to_owned(), method.to_owned()))
}

/// The messages to send: those of the text, or one that is empty if a method wants one and there is no text.
fn requests(
    method: &MethodDescriptor,
    data: Option<&str>,
) -> Result<Vec<DynamicMessage>, InvokeError> {
    let text = match data {
        Some("@") => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| InvokeError::Data(error.to_string()))?;
            text
        }
        Some(text) => text.to_owned(),
        None => String::new(),
    };
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut messages = Vec::new();
    for value in values {
        let value = value.map_err(|error| InvokeError::Data(error.to_string()))?;
        messages.push(message(method.input(), value)?);
    }
    if method.is_client_streaming() {
        return Ok(messages);
    }
    if messages.len() > 1 {
        return Err(InvokeError::TooMany(method.full_name().to_owned()));
    }
    if messages.is_empty() {
        messages.push(DynamicMessage::new(method.input()));
    }
    Ok(messages)
}

fn message(kind: MessageDescriptor, value: Value) -> Result<DynamicMessage, InvokeError> {
    DynamicMessage::deserialize(kind, value).map_err(|error| InvokeError::Data(error.to_string()))
}

/// Fields without a value are left out, and long numbers are texts: that is Protocol Buffers' JSON.
fn json(message: &DynamicMessage) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut text);
    match message.serialize_with_options(&mut serializer, &SerializeOptions::new()) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("(an answer that cannot be shown as JSON: {error})"),
    }
}
