#include "CAssets.h"

// A Swift literal of this size takes the compiler half a minute; #embed (C23) takes no time.
static const uint8_t contract[] = {
#embed "../../openapi.yaml"
};

relaycast_asset relaycast_contract(void)
{
    return (relaycast_asset){contract, sizeof contract};
}
