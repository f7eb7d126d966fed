// The fold that comes next: column folds outer, row folds inner, group after group (docs/microarchitecture.md, section 1).
// `next` takes the fold that is shown; the one after it is there in the following cycle.
module folds #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter SIZE = 16
) (
    input clk,
    input en,
    input rst,  // starts a layer
    input next,
    input [SIZE-1:0] spatial_rows,  // what lies on the array's rows, and on its columns: at least 1
    input [SIZE-1:0] spatial_cols,
    input [SIZE-1:0] groups,
    output more,  // there is a fold
    output [SIZE-1:0] used_rows,
    output [SIZE-1:0] used_cols,
    output reg later,  // not the first of its column fold: its partial sums are added to stored ones
    output reg opens   // the first of a group
);
    reg [SIZE-1:0] rows_left, cols_left, groups_left;

    assign more = groups_left != 0;
    assign used_rows = rows_left < ROWS ? rows_left : ROWS;
    assign used_cols = cols_left < COLS ? cols_left : COLS;

    always @(posedge clk)
        if (rst) begin
            rows_left <= spatial_rows;
            cols_left <= spatial_cols;
            groups_left <= groups;
            later <= 1'b0;
            opens <= 1'b1;
        end else if (en && next) begin
            opens <= 1'b0;
            if (rows_left > ROWS) begin
                rows_left <= rows_left - ROWS;
                later <= 1'b1;
            end else begin
                rows_left <= spatial_rows;
                later <= 1'b0;
                if (cols_left > COLS) cols_left <= cols_left - COLS;
                else begin
                    cols_left <= spatial_cols;
                    groups_left <= groups_left - 1'b1;
                    opens <= 1'b1;
                end
            end
        end
endmodule
