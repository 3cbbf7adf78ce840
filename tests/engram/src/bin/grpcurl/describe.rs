//! Definitions as text, in the language of `.proto` files.

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};

use crate::reflection::ReflectionError;

/// The full names of a service's methods, sorted.
pub(crate) fn methods(service: &ServiceDescriptor) -> Vec<String> {
    let mut names: Vec<String> = service
        .methods()
        .map(|method| method.full_name().to_owned())
        .collect();
    names.sort();
    names
}

/// What a symbol is, and its definition.
pub(crate) fn symbol(pool: &DescriptorPool, name: &str) -> Result<String, ReflectionError> {
    if let Some(service) = pool.get_service_by_name(name) {
        return Ok(format!("{name} is a service:\n{}", definition(&service)));
    }
    if let Some(message) = pool.get_message_by_name(name) {
        return Ok(format!("{name} is a message:\n{}", message_text(&message)));
    }
    if let Some(kind) = pool.get_enum_by_name(name) {
        return Ok(format!("{name} is an enum:\n{}", enum_text(&kind)));
    }
    let (service, method) = name.rsplit_once('.').unwrap_or_default();
    let service = pool.get_service_by_name(service);
    let method = service.and_then(|service| service.methods().find(|found| found.name() == method));
    match method {
        Some(method) => Ok(format!("{name} is a method:\n{}", method_text(&method))),
        None => Err(ReflectionError::NotFound("Symbol", name.to_owned())),
    }
}

fn definition(service: &ServiceDescriptor) -> String {
    let mut methods: Vec<MethodDescriptor> = service.methods().collect();
    methods.sort_by(|one, other| one.name().cmp(other.name()));
    let lines = methods.iter().map(method_text);
    block("service", service.name(), lines)
}

fn method_text(method: &MethodDescriptor) -> String {
    let stream = |streaming| if streaming { "stream " } else { "" };
    format!(
        "rpc {} ( {}.{} ) returns ( {}.{} );",
        method.name(),
        stream(method.is_client_streaming()),
        method.input().full_name(),
        stream(method.is_server_streaming()),
        method.output().full_name(),
    )
}

fn message_text(message: &MessageDescriptor) -> String {
    let choices: Vec<_> = message
        .oneofs()
        .filter(|choice| !choice.is_synthetic())
        .collect();
    let alone = message.fields().filter(|field| {
        field
            .containing_oneof()
            .is_none_or(|choice| choice.is_synthetic())
    });
    let mut lines: Vec<String> = alone.map(|field| field_text(&field)).collect();
    for choice in &choices {
        let fields = choice.fields().map(|field| field_text(&field));
        lines.extend(
            block("oneof", choice.name(), fields)
                .lines()
                .map(str::to_owned),
        );
    }
    block("message", message.name(), lines.into_iter())
}

fn field_text(field: &FieldDescriptor) -> String {
    let (name, number) = (field.name(), field.number());
    if let Kind::Message(entry) = field.kind()
        && field.is_map()
    {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let (key, value) = (kind_text(&key.kind()), kind_text(&value.kind()));
        return format!("map<{key}, {value}> {name} = {number};");
    }
    let label = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        Cardinality::Required => "required ",
        Cardinality::Optional if is_optional(field) => "optional ",
        Cardinality::Optional => "",
    };
    format!("{label}{} {name} = {number};", kind_text(&field.kind()))
}

fn is_optional(field: &FieldDescriptor) -> bool {
    field
        .containing_oneof()
        .is_some_and(|choice| choice.is_synthetic())
}

/// Types of the file are written with a leading dot, as everywhere in reflection.
fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(found) => format!(".{}", found.full_name()),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

fn enum_text(found: &EnumDescriptor) -> String {
    let values = found.values();
    let lines = values.map(|value| format!("{} = {};", value.name(), value.number()));
    block("enum", found.name(), lines)
}

fn block(word: &str, name: &str, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("{word} {name} {{\n");
    for line in lines {
        text.push_str(&format!("  {line}\n"));
    }
    text.push('}');
    text
}
