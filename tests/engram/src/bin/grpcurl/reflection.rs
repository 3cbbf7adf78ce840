//! What the server tells about itself, by version `v1` of the reflection service, or by `v1alpha`, which has the
//! same messages.

use std::collections::BTreeSet;

use prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, ServiceDescriptor};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

const VERSIONS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// A server that can be asked.
#[derive(Debug)]
pub(crate) struct Reflection {
    channel: Channel,
    headers: Vec<(String, String)>,
    /// In `VERSIONS`.
    version: usize,
}

/// Why something is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReflectionError {
    /// Neither version is there.
    #[error("server does not support the reflection API")]
    Unsupported,
    /// The server does not know the name.
    #[error("{0} not found: {1}")]
    NotFound(&'static str, String),
    /// The server did not answer, or with an error.
    #[error("rpc error: code = {:?} desc = {}", .0.code(), .0.message())]
    Refused(#[from] Status),
    /// The server answered something else than asked.
    #[error("the server's answer does not fit the request")]
    Unexpected,
    /// The server's files do not fit together.
    #[error("{0}")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// The server's files cannot be read.
    #[error("{0}")]
    Decode(#[from] prost::DecodeError),
}

impl Reflection {
    /// Asks over a connection, with headers.
    pub(crate) fn new(channel: Channel, headers: Vec<(String, String)>) -> Self {
        Self {
            channel,
            headers,
            version: 0,
        }
    }

    /// The names of all services, sorted.
    pub(crate) async fn services(&mut self) -> Result<Vec<String>, ReflectionError> {
        let request = MessageRequest::ListServices(String::new());
        let answer = self.ask(request, "Service", "").await?;
        let MessageResponse::ListServicesResponse(list) = answer else {
            return Err(ReflectionError::Unexpected);
        };
        let mut names: Vec<String> = list.service.into_iter().map(|item| item.name).collect();
        names.sort();
        Ok(names)
    }

    /// The service of a name.
    pub(crate) async fn service(
        &mut self,
        name: &str,
    ) -> Result<ServiceDescriptor, ReflectionError> {
        let pool = self.files(name).await?;
        let found = pool.get_service_by_name(name);
        found.ok_or_else(|| ReflectionError::NotFound("Service", name.to_owned()))
    }

    /// The file that defines a symbol, with all that it needs.
    pub(crate) async fn files(&mut self, symbol: &str) -> Result<DescriptorPool, ReflectionError> {
        let request = MessageRequest::FileContainingSymbol(symbol.to_owned());
        let mut files = self.descriptors(request, symbol).await?;
        let mut known: BTreeSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
        let mut next = 0;
        while let Some(file) = files.get(next) {
            for dependency in file.dependency.clone() {
                if known.insert(dependency.clone()) {
                    let request = MessageRequest::FileByFilename(dependency.clone());
                    files.extend(self.descriptors(request, &dependency).await?);
                }
            }
            next += 1;
        }
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files)?;
        Ok(pool)
    }

    async fn descriptors(
        &mut self,
        request: MessageRequest,
        wanted: &str,
    ) -> Result<Vec<FileDescriptorProto>, ReflectionError> {
        let answer = self.ask(request, "Symbol", wanted).await?;
        let MessageResponse::FileDescriptorResponse(files) = answer else {
            return Err(ReflectionError::Unexpected);
        };
        let files = files.file_descriptor_proto.iter();
        Ok(files
            .map(|file| FileDescriptorProto::decode(file.as_slice()))
            .collect::<Result<_, _>>()?)
    }

    async fn ask(
        &mut self,
        request: MessageRequest,
        kind: &'static str,
        wanted: &str,
    ) -> Result<MessageResponse, ReflectionError> {
        let refused = |status: Status| match status.code() {
            Code::NotFound => ReflectionError::NotFound(kind, wanted.to_owned()),
            _ => status.into(),
        };
        while let Some(path) = VERSIONS.get(self.version) {
            match self.ask_version(path, request.clone()).await {
                Err(status) if status.code() == Code::Unimplemented => self.version += 1,
                Err(status) => return Err(refused(status)),
                // Some servers put the refusal into the answer instead of the status.
                Ok(Some(MessageResponse::ErrorResponse(error))) => {
                    let code = Code::from_i32(error.error_code);
                    return Err(refused(Status::new(code, error.error_message)));
                }
                Ok(answer) => return answer.ok_or(ReflectionError::Unexpected),
            }
        }
        Err(ReflectionError::Unsupported)
    }

    async fn ask_version(
        &self,
        path: &'static str,
        request: MessageRequest,
    ) -> Result<Option<MessageResponse>, Status> {
        let message = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let codec: ProstCodec<ServerReflectionRequest, ServerReflectionResponse> =
            ProstCodec::default();
        let mut client = ready(&self.channel).await?;
        let request = self.request(tokio_stream::once(message))?;
        let path = PathAndQuery::from_static(path);
        let mut answers = client.streaming(request, path, codec).await?.into_inner();
        let answer = answers.message().await?;
        Ok(answer.and_then(|answer| answer.message_response))
    }

    /// A request with the headers of the command line.
    pub(crate) fn request<T>(&self, body: T) -> Result<Request<T>, Status> {
        let mut metadata = MetadataMap::new();
        for (name, value) in &self.headers {
            let wrong = || Status::invalid_argument(format!("'{name}: {value}' is not a header"));
            let key = MetadataKey::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let value = MetadataValue::try_from(value).map_err(|_| wrong())?;
            metadata.append(key, value);
        }
        Ok(Request::from_parts(
            metadata,
            tonic::Extensions::default(),
            body,
        ))
    }
}

/// A client that may send.
pub(crate) async fn ready(channel: &Channel) -> Result<Grpc<Channel>, Status> {
    let mut client = Grpc::new(channel.clone());
    let is_ready = client.ready().await;
    is_ready.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client)
}
