// Files that the daemon serves, embedded as they are.
#ifndef RELAYCAST_CASSETS_H
#define RELAYCAST_CASSETS_H

#include <stddef.h>
#include <stdint.h>

// A file's bytes, which live as long as the process.
typedef struct {
    const uint8_t *bytes;
    size_t length;
} relaycast_asset;

// openapi.yaml.
relaycast_asset relaycast_contract(void);

#endif
