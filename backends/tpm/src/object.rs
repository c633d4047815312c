//! An object of the TPM by where it is kept: loaded for each piece of work, and gone after it.
use crate::device::{auth_of, authorized, with_loaded, with_persistent};
use crate::error::{Failure, is_lost, kind, unread};
use crate::file::{KeyFile, Parent};
use crate::template;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use pkic_backend::uri::KeyUri;
use pkic_evidence::tpm::public::Public as PublicArea;
use std::sync::{Mutex, PoisonError};
use tss_esapi::Context;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Kind;
use tss_esapi::handles::{KeyHandle, ObjectHandle};
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::structures::{Private, Public};
use tss_esapi::traits::{Marshall, UnMarshall};
use tss_esapi::utils::TpmsContext;

/// Where an object is kept.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a file that its TPM opens.
    File(KeyFile),
    /// In the TPM, at this persistent handle.
    Handle(u32),
}

/// An object of the TPM.
pub(crate) struct Object {
    uri: KeyUri,
    place: Place,
    auth: Option<Secret>,
    /// The loaded object as the TPM saved it: loading that again takes no parent. It does not survive a reset.
    saved: Mutex<Option<TpmsContext>>,
}

impl Object {
    /// The object at that place, used with that authorisation value where it has one.
    pub(crate) fn new(uri: KeyUri, place: Place, auth: Option<Secret>) -> Object {
        let auth = match &place {
            Place::File(file) if file.is_auth_empty => None,
            Place::File(_) | Place::Handle(_) => auth,
        };
        Object { uri, place, auth, saved: Mutex::new(None) }
    }

    /// Its URI.
    pub(crate) fn uri(&self) -> &KeyUri {
        &self.uri
    }

    /// Works with the object, loaded and with its authorisation value known to the stack.
    pub(crate) fn with<T>(
        &self,
        context: &mut Context,
        work: impl FnOnce(&mut Context, KeyHandle) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let ready = |context: &mut Context, key: KeyHandle| {
            if let Some(auth) = &self.auth {
                context.tr_set_auth(key.into(), auth_of(auth)?)?;
            }
            work(context, key)
        };
        match &self.place {
            Place::Handle(handle) => with_persistent(context, *handle, ready)?.ok_or_else(|| {
                let help = "`tpm2_getcap handles-persistent` lists what is there";
                Failure::Store(StoreError::key_unknown(&self.uri, help))
            }),
            Place::File(file) => {
                let object = self.load(context, file)?;
                with_loaded(context, object, ready)
            }
        }
    }

    fn load(&self, context: &mut Context, file: &KeyFile) -> Result<ObjectHandle, Failure> {
        let mut held = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(saved) = held.take() {
            match context.context_load(saved.clone()) {
                Ok(object) => {
                    *held = Some(saved);
                    return Ok(object);
                }
                Err(error) if is_lost(&error) => return Err(error.into()),
                // Saved before a reset of the TPM: the file holds for longer.
                Err(_) => {}
            }
        }
        let object = load_file(context, file, &self.uri)?;
        *held = context.context_save(object).ok();
        Ok(object)
    }
}

fn load_file(context: &mut Context, file: &KeyFile, uri: &KeyUri) -> Result<ObjectHandle, Failure> {
    let area = PublicArea::read(&file.public).map_err(|reject| unread(&reject, uri))?;
    let public = Public::unmarshall(area.bytes())?;
    let private = Private::try_from(file.private.as_slice())?;
    let loaded = with_parent(context, file.parent, uri, |context, parent| {
        authorized(context, |context| context.load(parent, private, public))
    });
    match loaded {
        Err(Failure::Tpm(error)) if kind(&error) == Some(Kind::Integrity) => {
            let help = "the key was made in another TPM, or this one was cleared since";
            Err(StoreError::key_unknown(uri, help).into())
        }
        loaded => Ok(loaded?.into()),
    }
}

/// Works with the parent of a key.
pub(crate) fn with_parent<T>(
    context: &mut Context,
    parent: Parent,
    uri: &KeyUri,
    work: impl FnOnce(&mut Context, KeyHandle) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match parent {
        Parent::StorageRoot => {
            let public = Public::unmarshall(&template::storage_root_key())?;
            let made = authorized(context, |context| {
                context.create_primary(Hierarchy::Owner, public, None, None, None, None)
            })?;
            with_loaded(context, made.key_handle.into(), work)
        }
        Parent::Persistent(handle) => with_persistent(context, handle, work)?.ok_or_else(|| {
            let what = format!("its parent is not at {handle:#010x}");
            let help = "the key was made in another TPM, or its parent was evicted";
            Failure::Store(StoreError::new(Problem::KeyUnknown, uri, what, help))
        }),
    }
}

/// The public area of a loaded object, as the stack has it and as its bytes say.
pub(crate) fn read_public(
    context: &mut Context,
    key: KeyHandle,
    uri: &KeyUri,
) -> Result<(Public, PublicArea), Failure> {
    let (public, _, _) = context.execute_without_session(|context| context.read_public(key))?;
    let area = PublicArea::read(&public.marshall()?).map_err(|reject| unread(&reject, uri))?;
    Ok((public, area))
}
