// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: an encrypted folder (eCryptfs), the file system at hand that
 * has no function of its own to migrate a page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/keyctl.h>

#include "swapmig_util.h"

#define SIGNATURE	"0123456789abcdef"
#define KEY_BYTES	16

/* What the kernel takes for an eCryptfs key that is derived from a password */
struct auth_tok {
	__u16 version;
	__u16 token_type;
	__u32 flags;
	struct {
		__u32 flags;
		__u32 encrypted_key_size;
		__u32 decrypted_key_size;
		__u8 encrypted_key[512];
		__u8 decrypted_key[64];
	} session_key;
	__u8 reserved[32];
	struct {
		__u32 password_bytes;
		__s32 hash_algo;
		__u32 hash_iterations;
		__u32 key_bytes;
		__u32 flags;
		__u8 key[64];
		__u8 signature[sizeof(SIGNATURE)];
		__u8 salt[8];
	} password;
} __attribute__((packed));

#define TOKEN_VERSION	0x0004
#define TOKEN_KEY_SET	0x02

static int add_key(void)
{
	struct auth_tok tok = {
		.version = TOKEN_VERSION,
		.password = {
			.key_bytes = KEY_BYTES,
			.flags = TOKEN_KEY_SET,
			.key = "swapmig selftest",
			.signature = SIGNATURE,
		},
	};

	return syscall(SYS_add_key, "user", SIGNATURE, &tok, sizeof(tok),
		       KEY_SPEC_PROCESS_KEYRING) < 0 ? -errno : 0;
}

/* Mount @lower, which is made, on @dir: what is written to it is encrypted. */
int sm_crypt_mount(const char *lower, const char *dir)
{
	int err = add_key();

	if (err)
		return err;
	mkdir(lower, 0700);
	mkdir(dir, 0700);
	return mount(lower, dir, "ecryptfs", 0,
		     "ecryptfs_sig=" SIGNATURE
		     ",ecryptfs_cipher=aes,ecryptfs_key_bytes=16") ? -errno : 0;
}
