/* Copyright (c) 2026 pytest-curator-bench contributors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for libnvidia-ml.so.1: the functions that nvidia-ml-py calls for counting, naming and measuring
 * GPUs. What they say comes from STUB_NVML_<KEY> in the environment, or, if STUB_NVML_FILE names a file, from
 * its lines KEY=value, which are read at every call and come first, so that a test can change them while the
 * program under test runs. A key with _<index> behind it is for one GPU.
 *
 *   COUNT, DRIVER, CUDA (13000 is 13.0), NAME, UUID, MEMORY_TOTAL, MEMORY_USED (bytes), GPU_UTIL, MEMORY_UTIL
 *   (percent), POWER, POWER_LIMIT (milliwatts), TEMPERATURE (degrees), FAN (percent), SM_CLOCK, MEMORY_CLOCK (MHz),
 *   THROTTLE (bits of nvmlClocksEventReasons; 1 is idle), MIG (0 or 1), DELAY_MS (of each reading of memory),
 *   PROCESSES ("pid:bytes pid:bytes"; bytes of "-" are not available)
 *   FAIL ("function=code function@index=code": those return the code, e.g. nvmlDeviceGetName@1=3)
 *   CALLS: a file to which the name of each function called is appended
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define INSUFFICIENT_SIZE 7
#define NOT_AVAILABLE (~0ULL)

static char values[64][1024];
static int next_value = 0;

/* The value of a key, or NULL; it lives until 64 others were asked for. */
static const char *look_up(const char *key)
{
    char name[256], line[1024];
    char *value = values[next_value++ % 64];
    const char *path = getenv("STUB_NVML_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    size_t length = strlen(key);
    int found = 0;
    if (file) {
        while (fgets(line, sizeof line, file)) {
            if (!strncmp(line, key, length) && line[length] == '=') {
                snprintf(value, sizeof values[0], "%s", line + length + 1);
                value[strcspn(value, "\n")] = 0;
                found = 1;
            }
        }
        fclose(file);
    }
    if (found)
        return value;
    snprintf(name, sizeof name, "STUB_NVML_%s", key);
    return getenv(name);
}

static const char *text(const char *key, long index, const char *otherwise)
{
    char name[128];
    const char *value = NULL;
    if (index >= 0) {
        snprintf(name, sizeof name, "%s_%ld", key, index);
        value = look_up(name);
    }
    if (!value)
        value = look_up(key);
    return value ? value : otherwise;
}

static unsigned long long number(const char *key, long index, unsigned long long otherwise)
{
    const char *value = text(key, index, NULL);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

static int listed_failure(const char *function, long index)
{
    char wanted[160];
    const char *list = look_up("FAIL"), *at;
    if (!list)
        return 0;
    if (index >= 0) {
        snprintf(wanted, sizeof wanted, "%s@%ld=", function, index);
        if ((at = strstr(list, wanted)))
            return atoi(at + strlen(wanted));
    }
    snprintf(wanted, sizeof wanted, "%s=", function);
    at = strstr(list, wanted);
    return at ? atoi(at + strlen(wanted)) : 0;
}

static int enter(const char *function, long index)
{
    const char *path = look_up("CALLS");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", function);
        fclose(file);
    }
    return listed_failure(function, index);
}

/* A handle is the index plus one: never NULL. */
static long index_of(void *device) { return (long)device - 1; }
static void *device_of(unsigned index) { return (void *)((long)index + 1); }

#define ENTER(index)                                  \
    do {                                              \
        int code = enter(__func__, (index));          \
        if (code)                                     \
            return code;                              \
    } while (0)

static int copy(char *to, unsigned size, const char *from)
{
    if (strlen(from) >= size)
        return INSUFFICIENT_SIZE;
    strcpy(to, from);
    return SUCCESS;
}

int nvmlInit_v2(void) { ENTER(-1); return SUCCESS; }
int nvmlInitWithFlags(unsigned flags) { (void)flags; ENTER(-1); return SUCCESS; }
int nvmlShutdown(void) { ENTER(-1); return SUCCESS; }

const char *nvmlErrorString(int code)
{
    static char message[64];
    snprintf(message, sizeof message, "stub NVML error %d", code);
    return message;
}

int nvmlSystemGetDriverVersion(char *version, unsigned size)
{
    ENTER(-1);
    return copy(version, size, text("DRIVER", -1, "580.95.05"));
}

int nvmlSystemGetNVMLVersion(char *version, unsigned size)
{
    ENTER(-1);
    return copy(version, size, "13.580.95.05");
}

int nvmlSystemGetCudaDriverVersion(int *version)
{
    ENTER(-1);
    *version = (int)number("CUDA", -1, 13000);
    return SUCCESS;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    ENTER(-1);
    *version = (int)number("CUDA", -1, 13000);
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER(-1);
    *count = (unsigned)number("COUNT", -1, 1);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    ENTER(index);
    if (index >= number("COUNT", -1, 1))
        return INVALID_ARGUMENT;
    *device = device_of(index);
    return SUCCESS;
}

int nvmlDeviceGetIndex(void *device, unsigned *index)
{
    ENTER(index_of(device));
    *index = (unsigned)index_of(device);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned size)
{
    ENTER(index_of(device));
    return copy(name, size, text("NAME", index_of(device), "Stub GPU"));
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned size)
{
    char standard[64];
    ENTER(index_of(device));
    snprintf(standard, sizeof standard, "GPU-%08lx-0000-0000-0000-000000000000", index_of(device) + 0xa0UL);
    return copy(uuid, size, text("UUID", index_of(device), standard));
}

struct memory { unsigned long long total, free, used; };
struct memory_v2 { unsigned version; unsigned long long total, reserved, free, used; };

int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory)
{
    ENTER(index_of(device));
    usleep((unsigned)number("DELAY_MS", index_of(device), 0) * 1000);
    memory->total = number("MEMORY_TOTAL", index_of(device), 80ULL << 30);
    memory->used = number("MEMORY_USED", index_of(device), 0);
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *memory)
{
    ENTER(index_of(device));
    memory->total = number("MEMORY_TOTAL", index_of(device), 80ULL << 30);
    memory->used = number("MEMORY_USED", index_of(device), 0);
    memory->reserved = 0;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

struct utilization { unsigned gpu, memory; };

int nvmlDeviceGetUtilizationRates(void *device, struct utilization *rates)
{
    ENTER(index_of(device));
    rates->gpu = (unsigned)number("GPU_UTIL", index_of(device), 0);
    rates->memory = (unsigned)number("MEMORY_UTIL", index_of(device), 0);
    return SUCCESS;
}

#define MEASUREMENT(function, key, otherwise)                            \
    int function(void *device, unsigned *value)                          \
    {                                                                    \
        ENTER(index_of(device));                                         \
        *value = (unsigned)number(key, index_of(device), otherwise);     \
        return SUCCESS;                                                  \
    }

MEASUREMENT(nvmlDeviceGetPowerUsage, "POWER", 70000)
MEASUREMENT(nvmlDeviceGetEnforcedPowerLimit, "POWER_LIMIT", 700000)
MEASUREMENT(nvmlDeviceGetFanSpeed, "FAN", 30)

int nvmlDeviceGetClockInfo(void *device, unsigned which, unsigned *value)
{
    ENTER(index_of(device));
    *value = (unsigned)(which == 2 ? number("MEMORY_CLOCK", index_of(device), 2619)
                                   : number("SM_CLOCK", index_of(device), 1980));
    return SUCCESS;
}

#define REASONS(function)                                                \
    int function(void *device, unsigned long long *reasons)              \
    {                                                                    \
        ENTER(index_of(device));                                         \
        *reasons = number("THROTTLE", index_of(device), 1);              \
        return SUCCESS;                                                  \
    }

REASONS(nvmlDeviceGetCurrentClocksEventReasons)
REASONS(nvmlDeviceGetCurrentClocksThrottleReasons)

#define MEASUREMENT_OF(function, key, otherwise)                         \
    int function(void *device, unsigned which, unsigned *value)          \
    {                                                                    \
        (void)which;                                                     \
        ENTER(index_of(device));                                         \
        *value = (unsigned)number(key, index_of(device), otherwise);     \
        return SUCCESS;                                                  \
    }

MEASUREMENT_OF(nvmlDeviceGetTemperature, "TEMPERATURE", 35)
MEASUREMENT_OF(nvmlDeviceGetMaxClockInfo, "SM_CLOCK_MAX", 1980)

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor)
{
    ENTER(index_of(device));
    *major = 9;
    *minor = 0;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending)
{
    ENTER(index_of(device));
    *current = *pending = (unsigned)number("MIG", index_of(device), 0);
    return SUCCESS;
}

struct pci_info {
    char bus_id_legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};

int nvmlDeviceGetPciInfo_v3(void *device, struct pci_info *info)
{
    ENTER(index_of(device));
    memset(info, 0, sizeof *info);
    info->bus = (unsigned)index_of(device) + 1;
    snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", info->bus);
    snprintf(info->bus_id_legacy, sizeof info->bus_id_legacy, "0000:%02X:00.0", info->bus);
    return SUCCESS;
}

struct process { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; };

static int processes(void *device, unsigned *count, struct process *into)
{
    const char *at = text("PROCESSES", index_of(device), "");
    unsigned room = into ? *count : 0, found = 0;
    unsigned pid;
    int length;
    while (sscanf(at, " %u:%n", &pid, &length) == 1) {
        char used[32] = "";
        int used_length = 0;
        at += length;
        sscanf(at, "%31[0-9-]%n", used, &used_length);
        at += used_length;
        if (found < room) {
            into[found].pid = pid;
            into[found].used = used[0] == '-' ? NOT_AVAILABLE : strtoull(used, NULL, 10);
            into[found].gpu_instance = into[found].compute_instance = 0xFFFFFFFFu;
        }
        found++;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *into)
{
    ENTER(index_of(device));
    return processes(device, count, into);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, struct process *into)
{
    (void)into;
    ENTER(index_of(device));
    *count = 0;
    return SUCCESS;
}
