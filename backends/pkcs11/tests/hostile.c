/* A PKCS #11 module that passes calls on to SoftHSM and does harm where a file beside it says so.
 *
 * The file is this module's path with `.control` behind it. Its first word is the harm; a harm that ends with `-once`
 * empties the file. Every C_Login is counted in the file with `.logins` behind the path. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong;
typedef ulong (*any)();
/* CK_FUNCTION_LIST of PKCS #11 2.40: a version, and 68 functions in the order of its section 5. */
struct list {
    unsigned char version[2];
    any functions[68];
};
enum { FINALIZE = 1, CLOSE_ALL_SESSIONS = 14, GET_SESSION_INFO = 15, LOGIN = 18, SIGN = 43 };
enum {
    CKR_GENERAL_ERROR = 0x05,
    CKR_DEVICE_REMOVED = 0x32,
    CKR_PIN_LOCKED = 0xA4,
    CKR_CRYPTOKI_NOT_INITIALIZED = 0x190
};
struct session_info {
    ulong slot, state, flags, device_error;
};

static struct list real, ours;

static const char *beside(const char *ending) {
    static __thread char path[4096];
    Dl_info self;
    dladdr((void *)&beside, &self);
    snprintf(path, sizeof path, "%s%s", self.dli_fname, ending);
    return path;
}

static void harm(char word[64]) {
    word[0] = 0;
    FILE *file = fopen(beside(".control"), "r");
    if (!file) return;
    if (fscanf(file, "%63s", word) != 1) word[0] = 0;
    fclose(file);
    size_t length = strlen(word);
    if (length > 5 && !strcmp(word + length - 5, "-once")) fclose(fopen(beside(".control"), "w"));
}

static void wait_while(const char *wanted) {
    char word[64];
    do {
        usleep(2000);
        harm(word);
    } while (!strcmp(word, wanted));
}

static void close_all(ulong session) {
    struct session_info info;
    real.functions[GET_SESSION_INFO](session, &info);
    real.functions[CLOSE_ALL_SESSIONS](info.slot);
}

static ulong login(ulong session, ulong user, unsigned char *pin, ulong length) {
    char word[64];
    FILE *file = fopen(beside(".logins"), "a");
    if (file) {
        fputc('.', file);
        fclose(file);
    }
    harm(word);
    if (!strcmp(word, "login-hangs")) wait_while("login-hangs");
    if (!strcmp(word, "pin-locked")) return CKR_PIN_LOCKED;
    return real.functions[LOGIN](session, user, pin, length);
}

static ulong sign(ulong session, unsigned char *data, ulong length, unsigned char *signature, ulong *signature_length) {
    char word[64];
    if (!signature) return real.functions[SIGN](session, data, length, signature, signature_length);
    harm(word);
    if (!strcmp(word, "removed-once") || !strcmp(word, "removed")) {
        close_all(session);
        return CKR_DEVICE_REMOVED;
    }
    if (!strcmp(word, "closed-once")) close_all(session);
    if (!strcmp(word, "general-error-once")) return CKR_GENERAL_ERROR;
    if (!strcmp(word, "finalized-once")) {
        real.functions[FINALIZE](NULL);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    if (!strcmp(word, "hangs")) wait_while("hangs");
    ulong answer = real.functions[SIGN](session, data, length, signature, signature_length);
    if (!strcmp(word, "wrong")) signature[5] ^= 1;
    if (!strcmp(word, "short")) --*signature_length;
    return answer;
}

ulong C_GetFunctionList(void **list) {
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    struct list *found;
    if (!library) return CKR_GENERAL_ERROR;
    any get = (any)dlsym(library, "C_GetFunctionList");
    if (!get || get(&found)) return CKR_GENERAL_ERROR;
    real = *found;
    ours = real;
    ours.functions[LOGIN] = (any)login;
    ours.functions[SIGN] = (any)sign;
    *list = &ours;
    return 0;
}
