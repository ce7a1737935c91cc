/* Holds hookline's decision diagrams against BuDDy's: reads operations and what hookline counted from standard input, does
   the same with BuDDy, and says where counts differ. Each line but the first and those of counts makes the next value.
     variables N          cube LEVEL=BIT …      range LEVEL WIDTH LOW HIGH (decimal, up to 64 bits)
     and A B   or A B   without A B   differing A B   not A   some A LEVEL WIDTH   all A LEVEL WIDTH   given A LEVEL BIT
     count A SHARE NODES  the share of all assignments that meet value A, and how many nodes its diagram has */
#include <bdd.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BDD *values;
static size_t made, room;

static void keep(BDD value) {
    if (made == room) {
        room = room ? room * 2 : 1024;
        values = realloc(values, room * sizeof *values);
        if (!values) exit(2);
    }
    values[made++] = bdd_addref(value);
}

static BDD value(long index) {
    if (index < 0 || (size_t)index >= made) {
        fprintf(stderr, "set-oracle: no value %ld\n", index);
        exit(2);
    }
    return values[index];
}

/* Numbers of width bits from level on that are at most (or at least) bound, the highest bit first. */
static BDD bounded(int level, int width, unsigned long long bound, int is_most) {
    BDD result = bdd_addref(bddtrue);
    for (int place = 0; place < width; place++) {
        BDD bit = bdd_ithvar(level + width - 1 - place);
        int one = bound >> place & 1;
        BDD next = is_most ? (one ? bdd_ite(bit, result, bddtrue) : bdd_ite(bit, bddfalse, result))
                           : (one ? bdd_ite(bit, result, bddfalse) : bdd_ite(bit, bddtrue, result));
        bdd_addref(next);
        bdd_delref(result);
        result = next;
    }
    return bdd_delref(result);
}

static BDD these(int level, int width) {
    BDD set = bdd_addref(bddtrue);
    for (int each = level + width - 1; each >= level; each--) {
        BDD next = bdd_addref(bdd_and(set, bdd_ithvar(each)));
        bdd_delref(set);
        set = next;
    }
    return bdd_delref(set);
}

int main(void) {
    static char line[1 << 16];
    int variables = 0, differ = 0, counts = 0;
    bdd_init(2000000, 200000);
    bdd_setmaxincrease(4000000);
    bdd_gbc_hook(NULL);
    while (fgets(line, sizeof line, stdin)) {
        char word[16];
        int used = 0;
        if (sscanf(line, "%15s%n", word, &used) != 1) continue;
        const char *rest = line + used;
        long a = 0, b = 0, c = 0;
        unsigned long long low = 0, high = 0;
        double share = 0;
        if (!strcmp(word, "variables") && sscanf(rest, "%d", &variables) == 1) {
            bdd_setvarnum(variables);
        } else if (!strcmp(word, "cube")) {
            BDD set = bdd_addref(bddtrue);
            int length;
            while (sscanf(rest, " %ld=%ld%n", &a, &b, &length) == 2) {
                BDD next = bdd_addref(bdd_and(set, b ? bdd_ithvar(a) : bdd_nithvar(a)));
                bdd_delref(set);
                set = next;
                rest += length;
            }
            keep(bdd_delref(set));
        } else if (!strcmp(word, "range") && sscanf(rest, "%ld %ld %llu %llu", &a, &b, &low, &high) == 4) {
            BDD most = bdd_addref(bounded(a, b, high, 1));
            BDD least = bdd_addref(bounded(a, b, low, 0));
            keep(bdd_and(most, least));
        } else if (!strcmp(word, "and") && sscanf(rest, "%ld %ld", &a, &b) == 2) {
            keep(bdd_and(value(a), value(b)));
        } else if (!strcmp(word, "or") && sscanf(rest, "%ld %ld", &a, &b) == 2) {
            keep(bdd_or(value(a), value(b)));
        } else if (!strcmp(word, "without") && sscanf(rest, "%ld %ld", &a, &b) == 2) {
            keep(bdd_apply(value(a), value(b), bddop_diff));
        } else if (!strcmp(word, "differing") && sscanf(rest, "%ld %ld", &a, &b) == 2) {
            keep(bdd_xor(value(a), value(b)));
        } else if (!strcmp(word, "not") && sscanf(rest, "%ld", &a) == 1) {
            keep(bdd_not(value(a)));
        } else if (!strcmp(word, "some") && sscanf(rest, "%ld %ld %ld", &a, &b, &c) == 3) {
            BDD set = bdd_addref(these(b, c));
            keep(bdd_exist(value(a), set));
            bdd_delref(set);
        } else if (!strcmp(word, "all") && sscanf(rest, "%ld %ld %ld", &a, &b, &c) == 3) {
            BDD set = bdd_addref(these(b, c));
            keep(bdd_forall(value(a), set));
            bdd_delref(set);
        } else if (!strcmp(word, "given") && sscanf(rest, "%ld %ld %ld", &a, &b, &c) == 3) {
            keep(bdd_restrict(value(a), c ? bdd_ithvar(b) : bdd_nithvar(b)));
        } else if (!strcmp(word, "count") && sscanf(rest, "%ld %lf %ld", &a, &share, &b) == 3) {
            double own = bdd_satcount(value(a));
            double told = ldexp(share, variables);
            int nodes = bdd_nodecount(value(a));
            counts++;
            /* Both sum doubles, which are exact below 2^53. */
            if (fabs(own - told) > own * 1e-12 || nodes != b) {
                differ++;
                printf("value %ld: hookline %.17g of %ld nodes, BuDDy %.17g of %d\n", a, told, b, own, nodes);
            }
        } else {
            fprintf(stderr, "set-oracle: not understood: %s", line);
            return 2;
        }
    }
    printf("%d counts of %zu sets over %d variables, %d differ from BuDDy's\n", counts, made, variables, differ);
    return differ || !counts;
}
