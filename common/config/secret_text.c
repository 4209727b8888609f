/* SPDX-License-Identifier: MIT */
/* secret_text.c - passwords and keys in the text of an option; see option_holds_secret.
 *
 * Every value is written into config.yaml, and many into logs and the identities of labels. So
 * what must be secret is no value: it stands in a file of its own, whose name the value is, or in a
 * variable.
 *
 * A secret is known by what stands before it: the name of a parameter of a URL, of a pair of
 * env.options (also within JSON), of a variable, an argument or a header in command.run. What a
 * shell puts there ($NAME, `...`) and a path are none, nor are yes, no and small numbers in
 * env.options: a world may have tokens and secrets of its own. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/config/options.h"

enum { NAME_MAX_BYTES = 64, SECRET_OF_A_MAKER = 20 }; /* the least that one is given */

/* The last word of a name that says a secret, whatever stands before it. */
static bool secret_ends_with(const char *name, const char *word)
{
    size_t n = strlen(name), k = strlen(word);
    return n >= k && strcmp(name + n - k, word) == 0 && (n == k || name[n - k - 1] == '_');
}

/* Compared without case; '-' and '.' are '_'. */
static bool is_secret_name(const char *name, size_t n)
{
    static const char *const whole[] = {"key", "sig", "authorization"};
    static const char *const ends[] = {"api_key",    "apikey",      "access_key", "secret_key",
                                       "auth_key",   "private_key", "token",      "apitoken",
                                       "signature",  "secret",      "password",   "passwd",
                                       "passphrase", "credential",  "credentials"};
    char folded[NAME_MAX_BYTES];
    if (n >= sizeof folded) { /* its end decides */
        name += n - sizeof folded + 1;
        n = sizeof folded - 1;
    }
    for (size_t i = 0; i < n; i++)
        folded[i] = (char)(strchr("-.", name[i]) ? '_' : tolower((unsigned char)name[i]));
    folded[n] = '\0';
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(whole[i], folded) == 0)
            return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (secret_ends_with(folded, ends[i]))
            return true;
    return false;
}

/* --- URLs ------------------------------------------------------------------------------------ */

/* Of a query, "a=1&key=..." up to its end. shell: it puts something in the place of $NAME. */
static bool has_secret_parameter(const char *query, size_t n, bool shell)
{
    for (const char *p = query, *end = query + n; p < end;) {
        size_t len = strcspn(p, "&#, ");
        len = p + len > end ? (size_t)(end - p) : len;
        const char *equals = memchr(p, '=', len);
        if (equals && equals + 1 < p + len && !(shell && equals[1] == '$') &&
            is_secret_name(p, (size_t)(equals - p)))
            return true;
        p += len + 1;
    }
    return false;
}

/* Who somebody is before an '@' is a secret with a password and without: https://TOKEN@host. */
static bool has_secret_user(const char *authority, size_t n, bool shell)
{
    const char *at = memchr(authority, '@', n);
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    return at && !(shell && *(colon ? colon + 1 : authority) == '$');
}

static bool url_holds_secret(const char *after_scheme, bool shell)
{
    size_t authority = strcspn(after_scheme, "/?#, "), whole = strcspn(after_scheme, ", ");
    const char *query = memchr(after_scheme, '?', whole);
    size_t left = query ? (size_t)(after_scheme + whole - query - 1) : 0;
    return has_secret_user(after_scheme, authority, shell) ||
           (query && has_secret_parameter(query + 1, left, shell));
}

/* --- pairs and words ------------------------------------------------------------------------- */

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_-.", c));
}

/* How a header says what kind of secret follows: "Authorization: Bearer ...". */
static const char *secret_after_kind(const char *value)
{
    static const char *const kinds[] = {"bearer ", "basic ", "token "};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncasecmp(value, kinds[i], strlen(kinds[i])) == 0)
            return value + strlen(kinds[i]) + strspn(value + strlen(kinds[i]), " \"'");
    return value;
}

enum { SECRET_LONG = 8 };

/* A setting of a world. */
static bool is_setting(const char *value, size_t n)
{
    static const char *const words[] = {"true", "false", "yes", "no", "none", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n == strlen(words[i]) && strncasecmp(value, words[i], n) == 0)
            return true;
    return n < SECRET_LONG && strspn(value, "+-.0123456789") >= n;
}

/* What is there is the secret itself, not what says where it is. A value of "key" in the options of
 * an environment is more likely to be that of a door unless it is a long one; of_world: a setting
 * may stand there. */
static bool is_secret_value(const char *value, bool of_key, bool of_world)
{
    value = secret_after_kind(value + strspn(value, "\\\"'"));
    size_t n = strcspn(value, "; \t\"',}]&|");
    if (n == 0 || strchr("$`/~<.", *value) || (of_world && is_setting(value, n)))
        return false;
    return !of_key || n >= SECRET_LONG;
}

/* A password of digits is one. */
static bool is_of_password(const char *name, size_t n)
{
    for (size_t i = 0; i + 4 <= n; i++)
        if (strncasecmp(name + i, "pass", 4) == 0)
            return true;
    return false;
}

/* NAME=value anywhere, "NAME": value of JSON, and in a command line also --NAME value and a header,
 * NAME: value. */
static bool has_secret_pair(const char *text, bool command)
{
    for (const char *p = text; *p;) {
        size_t n = 0;
        while (is_of_name(p[n]))
            n++;
        if (n == 0) {
            p++;
            continue;
        }
        const char *after = p + n, *name = p + strspn(p, "-");
        bool flag = name >= p + 2, quoted = *after == '"' || *after == '\'';
        bool of_key = !command && after - name == 3;
        after += strspn(after, "\\\"'");
        after += strspn(after, " ");
        bool equals = *after == '=', colon = *after == ':' && (quoted || command);
        bool named = name < p + n && is_secret_name(name, (size_t)(p + n - name));
        bool of_world = !command && !is_of_password(name, (size_t)(p + n - name));
        if (named && (equals || colon) &&
            is_secret_value(after + 1 + strspn(after + 1, " "), of_key, of_world))
            return true;
        if (named && flag && command && p[n] == ' ' && *after != '-' &&
            is_secret_value(after, false, false))
            return true;
        p += n;
    }
    return false;
}

/* --- files ----------------------------------------------------------------------------------- */

/* The secret itself where the name of its file should stand. A file that is called so can be given
 * as ./NAME. */
static bool stands_for_its_file(const char *name, const char *value)
{
    static const char *const begins[] = {"sk-", "sk_", "hf_", "gsk_", "xai-", "nvapi-", "AIza"};
    if (strchr(value, '/'))
        return false;
    if (strcmp(name, "proxy_auth_file") == 0)
        return strchr(value, ':') != NULL;
    for (size_t i = 0; strcmp(name, "api_key_file") == 0 && i < sizeof begins / sizeof *begins; i++)
        if (strncmp(value, begins[i], strlen(begins[i])) == 0 && strlen(value) >= SECRET_OF_A_MAKER)
            return true;
    return false;
}

bool option_holds_secret(int index, const char *value)
{
    if (stands_for_its_file(option_rows[index].name, value))
        return true;
    for (const char *p = value; (p = strstr(p, "://")) != NULL;) {
        p += 3;
        if (url_holds_secret(p, index == CONFIG_I_command_run))
            return true;
    }
    if (index == CONFIG_I_env_options || index == CONFIG_I_command_run)
        return has_secret_pair(value, index == CONFIG_I_command_run);
    /* a proxy may be written without a scheme */
    return strcmp(option_rows[index].name, "proxy") == 0 && strchr(value, '@') != NULL;
}

const char *option_secret_place(int index)
{
    if (index == CONFIG_I_env_options)
        return "let the environment read it from a variable of its own, whose name does not end "
               "with _API_KEY (such reach the reward server alone), or from a file";
    if (index == CONFIG_I_command_run)
        return "let the program read it from a variable whose name ends with _API_KEY (such reach "
               "the reward server and its program alone), or from a file";
    return "name a file that holds it (llm.proxy_auth_file, llm.api_key_file, "
           "embedding.api_key_file)";
}
