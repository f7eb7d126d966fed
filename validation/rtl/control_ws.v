// The controller of a weight-stationary array (and of an input-stationary one, which is the same array with the operands
// exchanged). It is told the layer's size and nothing of cycles: it counts preload slots, steps and folds, and starts
// the next preload or stream when the registers of the array are free for it.
module control_ws #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe, 4 pipe2
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
    output [ROWS-1:0] row_first,  // what rides with it, on used and unused rows alike
    output [ROWS-1:0] row_sh,
    output [ROWS-1:0] row_sel,
    output [ROWS-1:0] row_add,
    output [COLS-1:0] col_take,
    output [COLS-1:0] col_load,
    output swap,
    output flush,
    output busy
);
    localparam NONE = 0, DB = 1, PIPE1 = 2, PIPE = 3, PIPE2 = 4;
    localparam WAVES = OVERLAP == PIPE1 || OVERLAP == PIPE;  // the chain moves with waves
    localparam TWO = OVERLAP == PIPE;  // there are two stationary registers to choose from

    wire more, later, opens, in_flight, may_preload;
    wire [SIZE-1:0] used_rows, used_cols;
    reg [SIZE-1:0] slots;  // preload slots to come
    reg [SIZE-1:0] kept_rows, kept_cols;  // the fold that is preloaded, or ready
    reg kept_later, ready;
    reg [SIZE-1:0] left, fold_rows, fold_cols;  // steps to come, and the fold that streams, or has streamed last
    reg fold_later;

    // The stream: `steps` waves of a fold, one a cycle, without gaps, once its preload has been issued.
    wire start = left == 0 && ready && (OVERLAP == DB ? !in_flight : 1'b1);
    wire step = start || left != 0;
    wire [SIZE-1:0] rows_now = start ? kept_rows : fold_rows;
    wire later_now = start ? kept_later : fold_later;

    // The preload: last row first, a slot a cycle, without gaps; a trimmed one moves the chain no further than needed.
    wire idle = !step && !in_flight;
    wire begins = slots == 0 && more && (!ready || start) && (opens ? idle : may_preload);
    wire load = begins || slots != 0;
    wire [SIZE-1:0] slots_now = begins ? (trim ? used_rows : ROWS) : slots;
    wire [SIZE-1:0] preload_rows = begins ? used_rows : kept_rows;
    wire [SIZE-1:0] preload_cols = begins ? used_cols : kept_cols;

    folds #(.ROWS(ROWS), .COLS(COLS), .SIZE(SIZE)) plan (
        .clk(clk), .en(en), .rst(rst), .next(begins),
        .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
        .more(more), .used_rows(used_rows), .used_cols(used_cols), .later(later), .opens(opens)
    );

    always @(posedge clk)
        if (rst) begin
            slots <= {SIZE{1'b0}};
            left <= {SIZE{1'b0}};
            ready <= 1'b0;
            fold_cols <= COLS;
        end else if (en) begin
            if (load) slots <= slots_now - 1'b1;
            if (begins) begin
                kept_rows <= used_rows;
                kept_cols <= used_cols;
                kept_later <= later;
            end
            ready <= (load && slots_now == 1) || (ready && !start);
            if (start) begin
                left <= steps - 1'b1;
                fold_rows <= kept_rows;
                fold_cols <= kept_cols;
                fold_later <= kept_later;
            end else if (left != 0) left <= left - 1'b1;
        end

    // When the chain is free for the next fold's words.
    generate
        if (OVERLAP == NONE) begin : alone
            assign may_preload = idle;
        end else if (OVERLAP == PIPE1) begin : behind
            assign may_preload = !step;
        end else if (OVERLAP == PIPE2) begin : taken_over
            reg waits;  // the last row has not yet taken its word over
            wire still_waits = (waits || start) && !row_first[ROWS-1];
            always @(posedge clk)
                if (rst) waits <= 1'b0;
                else if (en) waits <= still_waits;
            assign may_preload = !still_waits;
        end else begin : at_once
            assign may_preload = 1'b1;
        end
    endgenerate

    // Which register a wave's MACs use: the other one from each fold to the next.
    reg used;
    wire sel = TWO && (start ? !used : used);
    always @(posedge clk)
        if (rst) used <= 1'b1;
        else if (en && start) used <= !used;

    // What a wave carries enters row r with a skew of r, and the preload column c with one of c unless all columns load
    // at once.
    wire sh = WAVES && load;
    wire first = OVERLAP == PIPE2 && start;
    wire [SIZE-1:0] end_col = trim ? fold_cols : COLS;  // columns that are waited for
    wire [SIZE-1:0] reach = ROWS + end_col - 2;
    reg [ROWS-1:0] rows_on;
    reg [COLS-1:0] cols_on;
    integer i;
    always @* begin
        for (i = 0; i < ROWS; i = i + 1) rows_on[i] = step && i < rows_now;
        for (i = 0; i < COLS; i = i + 1) cols_on[i] = load && slots_now <= preload_rows && i < preload_cols;
    end
    skew #(.PORTS(ROWS)) take_row (.clk(clk), .en(en), .rst(rst), .in(rows_on), .out(row_take));
    skew #(.PORTS(ROWS)) first_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{first}}), .out(row_first));
    skew #(.PORTS(ROWS)) sh_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{sh}}), .out(row_sh));
    skew #(.PORTS(ROWS)) sel_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{sel}}), .out(row_sel));
    skew #(.PORTS(ROWS)) add_row (.clk(clk), .en(en), .rst(rst), .in({ROWS{step && later_now}}), .out(row_add));
    generate
        if (OVERLAP == NONE || OVERLAP == DB) begin : global
            assign col_take = cols_on;
            assign col_load = {COLS{load}};
        end else begin : skewed
            skew #(.PORTS(COLS)) take_col (.clk(clk), .en(en), .rst(rst), .in(cols_on), .out(col_take));
            skew #(.PORTS(COLS)) load_col (.clk(clk), .en(en), .rst(rst), .in({COLS{load}}), .out(col_load));
        end
    endgenerate
    waves #(.LENGTH(ROWS + COLS - 2), .SIZE(SIZE)) tracker (
        .clk(clk), .en(en), .rst(rst), .issued(step || sh), .reach(reach), .in_flight(in_flight)
    );

    assign swap = OVERLAP == DB && start;
    // A trimmed group ends while its last operands still travel through unused columns; they must not meet the next
    // group's stationary words.
    assign flush = trim && begins && opens;
    assign busy = more || load || ready || step || in_flight;
endmodule
