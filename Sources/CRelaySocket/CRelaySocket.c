#include "CRelaySocket.h"
