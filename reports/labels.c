/*
 * Texts beside points, and arrows for points outside a plot. What is placed keeps its place
 * (placement.h), so that nothing covers anything.
 *
 * A point that would stretch an axis until the others shrink into a corner (tuner_far) is not drawn
 * but said: an arrow at the edge points to where it lies, in the colour of its kind, and a text
 * beside the arrow gives its numbers.
 */
#include "reports/internal.h"
#include <math.h>

#define DIGIT_EM     0.65 /* widths of characters, as parts of the font's size */
#define OTHER_EM     0.52
#define TIE_PIXELS   14.0 /* a label farther from its point is tied to it */
#define ARROW_PIXELS 24.0
#define ARROW_STYLE(colour)                                                                        \
    "head filled size screen 0.011,22 linewidth 1.8 linecolor rgb '" colour "'"

static double text_width(const char *text, int font_size) {
    double em = 0.0;
    for (const char *c = text; *c; c++) {
        int continues = ((unsigned char)*c & 0xc0) == 0x80; /* of UTF-8 */
        em += *c >= '0' && *c <= '9' ? DIGIT_EM : continues ? 0.0 : OTHER_EM;
    }
    return em * font_size;
}

int report_label(FILE *script, struct placement *placement, double x, double y, double reach,
                 const char *text, int font_size, const char *colour) {
    double width = text_width(text, font_size), half = REPORT_LINE_PIXELS / 2, lx, ly;
    if (!placement_find(placement, x, y, width, REPORT_LINE_PIXELS, reach, &lx, &ly))
        return 0;
    fputs("set label ", script);
    report_quote(script, text);
    fprintf(script, " at screen %.5f,%.5f center font ',%d' textcolor rgb '%s'\n",
            lx / REPORT_WIDTH, ly / REPORT_HEIGHT, font_size, colour);
    if (fmax(fabs(lx - x) - width / 2, fabs(ly - y) - half) < TIE_PIXELS)
        return 1;
    fprintf(script,
            "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead linewidth 0.5"
            " linecolor rgb '" REPORT_GREY "'\n",
            x / REPORT_WIDTH, y / REPORT_HEIGHT,
            fmin(fmax(x, lx - width / 2), lx + width / 2) / REPORT_WIDTH,
            fmin(fmax(y, ly - half), ly + half) / REPORT_HEIGHT);
    return 1;
}

void report_outside(FILE *script, struct placement *placement, const struct placement_box *plot,
                    double x, double y, int strict, const char *text) {
    const double inset = 8.0, aside = 4.0, step = 18.0;
    const int steps = 12;
    double head_x = fmin(fmax(x, plot->left + inset), plot->right - inset);
    double head_y = fmin(fmax(y, plot->bottom + inset), plot->top - inset);
    double length = hypot(x - head_x, y - head_y);
    double dx = (x - head_x) / length * ARROW_PIXELS, dy = (y - head_y) / length * ARROW_PIXELS;
    /* Where something is already, the arrow moves along the edge, towards its middle. */
    double along_x = 0.0, along_y = 0.0;
    if (y < plot->bottom || y > plot->top)
        along_x = head_x < (plot->left + plot->right) / 2 ? step : -step;
    else
        along_y = head_y < (plot->bottom + plot->top) / 2 ? step : -step;
    for (int i = 0; i < steps; i++) {
        double tip_x = head_x + i * along_x, tip_y = head_y + i * along_y;
        struct placement_box box = {
            fmin(tip_x, tip_x - dx) - aside, fmin(tip_y, tip_y - dy) - aside,
            fmax(tip_x, tip_x - dx) + aside, fmax(tip_y, tip_y - dy) + aside};
        if (!placement_free(placement, &box))
            continue;
        placement_add(placement, box);
        head_x = tip_x;
        head_y = tip_y;
        break;
    }
    fprintf(script, "set arrow from screen %.5f,%.5f to screen %.5f,%.5f %s\n",
            (head_x - dx) / REPORT_WIDTH, (head_y - dy) / REPORT_HEIGHT, head_x / REPORT_WIDTH,
            head_y / REPORT_HEIGHT,
            strict ? ARROW_STYLE(REPORT_VERMILION) : ARROW_STYLE(REPORT_GREY));
    report_label(script, placement, head_x - dx, head_y - dy / 2, REPORT_WIDTH, text, 10,
                 "#000000");
}

void report_outside_key(FILE *script, int natural, int strict) {
    if (natural)
        fputs("keyentry with vectors " ARROW_STYLE(REPORT_GREY) " title 'outside', ", script);
    if (strict)
        fputs("keyentry with vectors " ARROW_STYLE(REPORT_VERMILION) " title 'strict, outside', ",
              script);
}
