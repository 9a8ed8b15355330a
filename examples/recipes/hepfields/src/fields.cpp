#include "fields.h"

double hep_field(double position) { return position * position; }
