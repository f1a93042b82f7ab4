//! Detects file systems whose locks may not exclude a bot on another machine.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Unusable;

/// Magic numbers of `statfs(2)`, from linux/magic.h and the file systems' sources, for file systems
/// that several machines can mount.
const NETWORK: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x564c, "NCP"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0xaad7_aaea, "PanFS"),
    (0x2003_0528, "OrangeFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x0102_1997, "9p"),
    (0xbacb_acbc, "VMware shared folder"),
    (0x786f_4256, "VirtualBox shared folder"),
    (0x7c7c_6673, "Parallels shared folder"),
];

/// FUSE, also virtiofs: only the mount table names the file system behind it.
const FUSE: u32 = 0x6573_5546;
/// FUSE file systems on a disk or container of this machine.
const LOCAL_FUSE: &[&str] = &["fuseblk", "fuse.fuse-overlayfs", "fuse.lxcfs"];

/// The name of the network file system that contains the folder, if it is one.
pub(crate) fn file_system(folder: &Path) -> std::io::Result<Option<String>> {
    // The kernel's type is signed and wider on some machines; the number has 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers have 32 bits"
    )]
    let magic = rustix::fs::statfs(folder)?.f_type as u32;
    if magic != FUSE {
        return Ok(classify(magic, None));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let device = folder.metadata()?.dev();
    Ok(classify(magic, mounted(&mounts, device)))
}

fn classify(magic: u32, mounted: Option<&str>) -> Option<String> {
    if magic == FUSE {
        let name = mounted.unwrap_or("fuse");
        return (!LOCAL_FUSE.contains(&name)).then(|| format!("FUSE, {name}"));
    }
    let known = NETWORK.iter().find(|(number, _)| *number == magic);
    known.map(|(_, name)| (*name).to_owned())
}

/// The type of the mount with this device number, from /proc/self/mountinfo.
fn mounted(mounts: &str, device: u64) -> Option<&str> {
    let number = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let found = mount.split(' ').nth(2)? == number;
        found.then(|| source.split(' ').next()).flatten()
    })
}

pub(super) fn refused(file: &Path, file_system: &str) -> Unusable {
    Unusable::new(
        format!(
            "`{}` is on a network file system ({file_system}), where a lock may not exclude a bot on another machine",
            file.display()
        ),
        "set `NOTICEBOT_DATABASE_URL` to a file on a local disk or to a PostgreSQL server; if only this machine uses the share, set `NOTICEBOT_STORE_ALLOW_NETWORK_FILE=true`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:45 / /mnt/far rw,nosuid,nodev shared:1 - fuse.sshfs bot@far:/ rw
41 22 0:46 / /mnt/usb rw - fuseblk /dev/sdb1 rw
42 22 0:47 / /mnt/host rw master:2 - virtiofs host rw
43 22 0:48 / /merged rw - fuse.fuse-overlayfs fuse-overlayfs rw
";

    #[test]
    fn network_file_systems_are_known_by_number() {
        for (magic, name) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("CIFS")),
            (0xfe53_4d42, Some("SMB")),
            (0x0102_1997, Some("9p")),
            (0x00c3_6400, Some("Ceph")),
            (0x0bd0_0bd0, Some("Lustre")),
            (0x6b41_4653, Some("AFS")),
            // ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS, bcachefs
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x0102_1994, None),
            (0x794c_7630, None),
            (0x2fc1_2fc1, None),
            (0xf2f5_2010, None),
            (0xca45_1a4e, None),
        ] {
            assert_eq!(classify(magic, None).as_deref(), name, "{magic:#x}");
        }
    }

    #[test]
    fn fuse_is_known_by_its_mount() {
        for (device, name) in [
            (45, Some("FUSE, fuse.sshfs")),
            (46, None),
            (47, Some("FUSE, virtiofs")),
            (48, None),
            (49, Some("FUSE, fuse")),
        ] {
            let mounted = mounted(MOUNTS, rustix::fs::makedev(0, device));
            assert_eq!(classify(FUSE, mounted).as_deref(), name, "{device}");
        }
    }

    #[test]
    fn a_local_folder_is_local() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(file_system(folder.path()).unwrap(), None);
    }
}
