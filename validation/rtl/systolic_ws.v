// A weight-stationary array (input stationary with the operands exchanged) with its controller: edge ports on the
// outside, and the layer's size.
module systolic_ws #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe, 4 pipe2
    parameter WORD = 8,
    parameter SUM = 32,
    parameter SIZE = 16
) (
    input clk,
    input en,    // one enable for everything (section 9)
    input rst,   // synchronous; starts a layer
    input trim,
    input [SIZE-1:0] steps,
    input [SIZE-1:0] spatial_rows,
    input [SIZE-1:0] spatial_cols,
    input [SIZE-1:0] groups,
    input [ROWS*WORD-1:0] row_word,
    output [ROWS-1:0] row_take,  // the word on the row port is used in this cycle
    input [COLS*WORD-1:0] col_word,
    output [COLS-1:0] col_take,
    output [COLS*SUM-1:0] out_word,
    output [COLS-1:0] out_valid,  // a partial sum leaves in this cycle
    output [COLS-1:0] out_add,    // and is to be added to the stored one
    output busy
);
    wire [ROWS-1:0] row_first, row_sh, row_sel, row_add;
    wire [COLS-1:0] col_load;
    wire swap, flush;

    control_ws #(.ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .SIZE(SIZE)) control (
        .clk(clk), .en(en), .rst(rst), .trim(trim),
        .steps(steps), .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
        .row_take(row_take), .row_first(row_first), .row_sh(row_sh), .row_sel(row_sel), .row_add(row_add),
        .col_take(col_take), .col_load(col_load), .swap(swap), .flush(flush), .busy(busy)
    );
    array_ws #(.ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .WORD(WORD), .SUM(SUM)) pes (
        .clk(clk), .en(en), .rst(rst), .flush(flush),
        .row_word(row_word), .row_valid(row_take),
        .row_first(row_first), .row_sh(row_sh), .row_sel(row_sel), .row_add(row_add),
        .col_word(col_word), .col_valid(col_take), .col_load(col_load), .swap(swap),
        .out_word(out_word), .out_valid(out_valid), .out_add(out_add)
    );
endmodule
