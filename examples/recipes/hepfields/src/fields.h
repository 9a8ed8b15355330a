#pragma once
extern "C" double hep_field(double position);
