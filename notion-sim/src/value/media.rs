//! The kinds of files that uploads may be: content types, their extensions, and what each is to a block.

/// A kind of file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Medium {
    pub(crate) content_type: &'static str,
    /// `audio`, `image`, `pdf`, `productivity` or `video`.
    pub(crate) category: &'static str,
    /// The one that is added to names without comes first.
    extensions: &'static str,
}

const fn kind(
    category: &'static str,
    content_type: &'static str,
    extensions: &'static str,
) -> Medium {
    Medium {
        content_type,
        category,
        extensions,
    }
}

/// What the guide to files and media lists; content types as IANA has them. Where two have the same
/// extension, the first is meant.
static MEDIA: &[Medium] = &[
    kind("audio", "audio/aac", "aac adts"),
    kind("audio", "audio/midi", "mid midi"),
    kind("audio", "audio/mpeg", "mp3 mpga"),
    kind("audio", "audio/mp4", "m4a m4b"),
    kind("audio", "audio/ogg", "ogg oga opus"),
    kind("audio", "audio/wav", "wav"),
    kind("audio", "audio/x-ms-wma", "wma"),
    kind("audio", "audio/webm", "weba"),
    kind("audio", "audio/flac", "flac"),
    kind("pdf", "application/pdf", "pdf"),
    kind("productivity", "text/plain", "txt"),
    kind("productivity", "text/csv", "csv"),
    kind("productivity", "text/tab-separated-values", "tsv"),
    kind("productivity", "text/markdown", "md markdown"),
    kind("productivity", "text/html", "html htm"),
    kind("productivity", "text/css", "css"),
    kind("productivity", "text/calendar", "ics"),
    kind("productivity", "text/javascript", "js"),
    kind("productivity", "text/typescript", "ts tsx"),
    kind("productivity", "text/x-python", "py"),
    kind("productivity", "application/json", "json"),
    kind("productivity", "application/xml", "xml"),
    kind("productivity", "application/yaml", "yaml yml"),
    kind("productivity", "application/rtf", "rtf"),
    kind("productivity", "application/epub+zip", "epub"),
    kind("productivity", "application/msword", "doc dot"),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
        "dotx",
    ),
    kind("productivity", "application/vnd.ms-excel", "xls xlt xla"),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
        "xltx",
    ),
    kind(
        "productivity",
        "application/vnd.ms-powerpoint",
        "ppt pot pps ppa",
    ),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "pptx",
    ),
    kind(
        "productivity",
        "application/vnd.openxmlformats-officedocument.presentationml.template",
        "potx",
    ),
    kind(
        "productivity",
        "application/vnd.oasis.opendocument.text",
        "odt",
    ),
    kind(
        "productivity",
        "application/vnd.oasis.opendocument.spreadsheet",
        "ods",
    ),
    kind(
        "productivity",
        "application/vnd.oasis.opendocument.presentation",
        "odp",
    ),
    kind("productivity", "application/zip", "zip"),
    kind("productivity", "application/gzip", "gz gzip"),
    kind("productivity", "application/x-tar", "tar"),
    kind("productivity", "application/x-7z-compressed", "7z"),
    kind("productivity", "application/x-bzip2", "bz2"),
    kind("productivity", "application/vnd.rar", "rar"),
    kind("image", "image/gif", "gif"),
    kind("image", "image/heic", "heic"),
    kind("image", "image/jpeg", "jpg jpeg"),
    kind("image", "image/png", "png"),
    kind("image", "image/apng", "apng"),
    kind("image", "image/avif", "avif"),
    kind("image", "image/bmp", "bmp"),
    kind("image", "image/svg+xml", "svg"),
    kind("image", "image/tiff", "tiff tif"),
    kind("image", "image/webp", "webp"),
    kind("image", "image/vnd.microsoft.icon", "ico"),
    kind("image", "image/x-icon", "ico"),
    kind("video", "video/mp4", "mp4 m4v"),
    kind("video", "application/mp4", "mp4"),
    kind("video", "video/mpeg", "mpeg"),
    kind("video", "video/ogg", "ogv"),
    kind("video", "video/quicktime", "mov qt"),
    kind("video", "video/webm", "webm"),
    kind("video", "video/x-amv", "amv"),
    kind("video", "video/x-f4v", "f4v"),
    kind("video", "video/x-flv", "flv"),
    kind("video", "video/x-matroska", "mkv"),
    kind("video", "video/x-ms-asf", "asf wmv"),
    kind("video", "video/x-msvideo", "avi"),
    kind("video", "video/3gpp", "3gp"),
    kind("video", "video/3gpp2", "3g2"),
    kind("video", "image/gif", "gifv"),
];

/// The kind of file that a name with an extension is.
pub(crate) fn of_name(name: &str) -> Option<&'static Medium> {
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    let has = |medium: &&Medium| medium.extensions().any(|known| known == extension);
    MEDIA
        .iter()
        .find(has)
        .filter(|_| !stem.is_empty() && !extension.is_empty())
}

/// The kind of file that has this content type; parameters of it are left aside.
pub(crate) fn of_content_type(content_type: &str) -> Option<&'static Medium> {
    let bare = bare(content_type);
    MEDIA.iter().find(|medium| medium.content_type == bare)
}

/// Whether a content type says nothing.
pub(crate) fn says_nothing(content_type: &str) -> bool {
    bare(content_type) == "application/octet-stream"
}

fn bare(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

impl Medium {
    fn extensions(&self) -> impl Iterator<Item = &'static str> {
        self.extensions.split(' ')
    }

    /// The extension that a name without one gets.
    pub(crate) fn extension(&self) -> &'static str {
        self.extensions().next().unwrap_or_default()
    }

    /// Whether a file of this content type may have the extension of that kind: some have several.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.extensions()
            .any(|one| other.extensions().any(|two| one == two))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_extension_and_by_its_content_type() {
        let photo = of_name("a.b/Photo.JPEG").unwrap();
        assert_eq!(
            (photo.content_type, photo.category),
            ("image/jpeg", "image")
        );
        assert_eq!(of_content_type("Image/JPEG; x=1"), Some(photo));
        assert_eq!(photo.extension(), "jpg");
        for unknown in ["photo", ".png", "photo.", "photo.exe"] {
            assert_eq!(of_name(unknown), None, "{unknown}");
        }
        let icons = ["image/x-icon", "image/vnd.microsoft.icon"].map(of_content_type);
        assert!(icons[0].unwrap().agrees(icons[1].unwrap()));
        assert!(!photo.agrees(icons[0].unwrap()));
    }
}
