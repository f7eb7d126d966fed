// The controller of an output-stationary array. It is told the layer's size and nothing of cycles: it counts steps and
// folds, and starts the next stream or drain when its waves, or its drain counter, allow it.
module control_os #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe
    parameter BUS = 0,      // 1: osbus, osbus-pipe
    parameter SIZE = 16
) (
    input clk,
    input en,
    input rst,   // starts a layer
    input trim,  // skip the cycles that serve only unused rows and columns (OVERLAP 0)
    input [SIZE-1:0] steps,  // of a fold: at least 1
    input [SIZE-1:0] spatial_rows,
    input [SIZE-1:0] spatial_cols,
    input [SIZE-1:0] groups,
    output [ROWS-1:0] row_take,  // the row port's word is an operand in this cycle
    output [ROWS-1:0] row_last,  // what rides with it, on used and unused rows alike
    output [ROWS-1:0] row_sh,
    output [ROWS-1:0] row_sel,
    output [COLS-1:0] col_take,
    output [COLS-1:0] col_shift,
    output swap,
    output busy
);
    localparam NONE = 0, DB = 1, PIPE1 = 2;

    // The stream: `steps` waves of a fold, one a cycle, without gaps.
    wire more, later, opens, in_flight, resting, may_start;
    wire [SIZE-1:0] used_rows, used_cols;
    reg [SIZE-1:0] left, fold_rows, fold_cols;  // steps to come, and the fold that streams, or has streamed last
    wire idle = left == 0 && !in_flight && resting;
    wire start = left == 0 && more && (opens ? idle : may_start);
    wire step = start || left != 0;
    wire last = start ? steps == 1 : left == 1;
    wire [SIZE-1:0] rows_now = start ? used_rows : fold_rows;
    wire [SIZE-1:0] cols_now = start ? used_cols : fold_cols;

    folds #(.ROWS(ROWS), .COLS(COLS), .SIZE(SIZE)) plan (
        .clk(clk), .en(en), .rst(rst), .next(start),
        .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
        .more(more), .used_rows(used_rows), .used_cols(used_cols), .later(later), .opens(opens)
    );

    always @(posedge clk)
        if (rst) begin
            left <= {SIZE{1'b0}};
            fold_rows <= ROWS;
            fold_cols <= COLS;
        end else if (en) begin
            if (start) left <= steps - 1'b1;
            else if (left != 0) left <= left - 1'b1;
            fold_rows <= rows_now;
            fold_cols <= cols_now;
        end

    // What a wave carries enters row r, and column c, with a skew of r, and c.
    wire sh, sel;
    wire [SIZE-1:0] end_row = trim ? fold_rows : ROWS;  // rows and columns that are waited for
    wire [SIZE-1:0] end_col = trim ? fold_cols : COLS;
    wire [SIZE-1:0] reach = end_row + end_col - 2;
    reg [ROWS-1:0] rows_on;
    reg [COLS-1:0] cols_on;
    integer i;
    always @* begin
        for (i = 0; i < ROWS; i = i + 1) rows_on[i] = step && i < rows_now;
        for (i = 0; i < COLS; i = i + 1) cols_on[i] = step && i < cols_now;
    end
    skew #(.PORTS(ROWS)) take_row (.clk(clk), .en(en), .rst(rst), .in(rows_on), .out(row_take));
    skew #(.PORTS(ROWS)) last_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{step && last}}), .out(row_last));
    skew #(.PORTS(ROWS)) sh_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{sh}}), .out(row_sh));
    skew #(.PORTS(ROWS)) sel_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{sel}}), .out(row_sel));
    skew #(.PORTS(COLS)) take_col (.clk(clk), .en(en), .rst(rst), .in(cols_on), .out(col_take));
    waves #(.LENGTH(ROWS + COLS - 2), .SIZE(SIZE)) tracker (
        .clk(clk), .en(en), .rst(rst), .issued(step || sh), .reach(reach), .in_flight(in_flight)
    );

    // The drain: slots of the chain, or of the bus, that are still to come.
    reg [SIZE-1:0] slots;
    wire [SIZE-1:0] slots_less = slots != 0 ? slots - 1'b1 : {SIZE{1'b0}};
    generate
        if (BUS) begin : bus
            // A wave with `last` takes each column's bus for ROWS cycles, row after row.
            always @(posedge clk)
                if (rst) slots <= {SIZE{1'b0}};
                else if (en) slots <= step && last ? ROWS - 1 : slots_less;
            assign may_start = OVERLAP == NONE ? !in_flight : slots < steps;
            assign {sh, sel, swap, col_shift, resting} = {1'b0, 1'b0, 1'b0, {COLS{1'b0}}, 1'b1};
        end else if (OVERLAP == NONE) begin : chain
            // A column shifts from the cycle after its last PE's last MAC, a column a cycle after the one before.
            // A fold of one step may end in the cycle in which it starts: rows_now, not the register.
            wire [SIZE-1:0] bottom = (trim ? rows_now : ROWS) - 1;
            wire done = row_last[bottom];
            always @(posedge clk)
                if (rst) slots <= {SIZE{1'b0}};
                else if (en) slots <= done ? ROWS : slots_less;
            skew #(.PORTS(COLS)) strobes (
                .clk(clk), .en(en), .rst(rst), .in({COLS{slots != 0}}), .out(col_shift)
            );
            reg [COLS-1:0] awaited;
            integer c;
            always @*
                for (c = 0; c < COLS; c = c + 1) awaited[c] = c < end_col;
            assign resting = (col_shift & awaited) == 0;
            assign may_start = idle;
            assign {sh, sel, swap} = 3'b0;
        end else if (OVERLAP == DB) begin : double_buffer
            // When the stream has left the array, all columns swap and drain at once; the next stream may come.
            reg pending;  // a fold is in the accumulators
            assign swap = pending && left == 0 && !in_flight;
            always @(posedge clk)
                if (rst) begin
                    slots <= {SIZE{1'b0}};
                    pending <= 1'b0;
                end else if (en) begin
                    slots <= swap ? ROWS - 1 : slots_less;
                    pending <= step || (pending && !swap);
                end
            assign col_shift = {COLS{swap || slots != 0}};
            assign resting = !pending && slots == 0;
            assign may_start = !pending || swap;
            assign {sh, sel} = 2'b0;
        end else begin : wave
            // ROWS drain waves follow a fold's last step. With two accumulators the next stream goes with them.
            reg used;
            always @(posedge clk)
                if (rst) begin
                    slots <= {SIZE{1'b0}};
                    used <= 1'b0;
                end else if (en) begin
                    slots <= step && last ? ROWS : slots_less;
                    if (step && last && OVERLAP != PIPE1) used <= !used;
                end
            assign sh = slots != 0;
            assign sel = used;
            assign resting = slots == 0;
            assign may_start = OVERLAP == PIPE1 ? slots == 0 : slots <= steps;
            assign {swap, col_shift} = {1'b0, {COLS{1'b0}}};
        end
    endgenerate

    assign busy = more || !idle;
endmodule
